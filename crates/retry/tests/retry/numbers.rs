//! Numbers that make no sense are refused by name.

use std::time::Duration;

use buttress_retry::{Backoff, Jitter, Retries, RetryBudget, RetryPolicy};

use crate::support::SECOND;

fn why(numbers: Retries) -> String {
    RetryPolicy::new(numbers).unwrap_err().to_string()
}

fn with(base: Duration, cap: Duration, jitter: Jitter) -> Retries {
    Retries { backoff: Backoff { base, cap, jitter }, ..Retries::default() }
}

#[test]
fn the_defaults_and_the_preset_make_sense() {
    assert!(RetryPolicy::new(Retries::default()).is_ok());
    let backoff = Backoff::proportional(SECOND, 30 * SECOND);
    assert!(RetryPolicy::new(Retries { backoff, ..Retries::default() }).is_ok());
}

#[test]
fn zero_attempts() {
    let why = why(Retries { attempts: 0, ..Retries::default() });
    assert_eq!(why, "retries: attempts = 0: must be at least 1: the first is one of them");
}

#[test]
fn a_cap_below_the_base_and_a_base_of_nothing() {
    let reversed = why(with(2 * SECOND, SECOND, Jitter::Full));
    assert_eq!(reversed, "retries: backoff.cap = 1s: must not be below backoff.base");
    let zero = why(with(Duration::ZERO, SECOND, Jitter::Full));
    assert_eq!(zero, "retries: backoff.base = 0ns: must be above zero");
    assert!(RetryPolicy::new(with(SECOND, SECOND, Jitter::Full)).is_ok());
    assert!(RetryPolicy::new(with(Duration::MAX, Duration::MAX, Jitter::Full)).is_ok());
}

#[test]
fn a_jitter_that_is_no_share() {
    let jitter = |low, high| with(SECOND, SECOND, Jitter::Proportional(low..=high));
    for (low, high) in [(f64::NAN, 0.3), (0.1, f64::NAN), (-0.1, 0.3), (-0.3, -0.1), (0.1, f64::INFINITY)] {
        let why = why(jitter(low, high));
        assert!(why.contains("backoff.jitter") && why.contains("finite and not negative"), "{why}");
    }
    assert_eq!(why(jitter(0.3, 0.1)), "retries: backoff.jitter = 0.3..=0.1: the ends are reversed");
    assert!(RetryPolicy::new(jitter(0.0, 0.0)).is_ok());
}

#[test]
fn a_budget_that_is_none() {
    for share in [f64::NAN, -0.1, f64::INFINITY, 1_000.1] {
        let why = RetryBudget::new(share, 10, 10).unwrap_err().to_string();
        assert!(why.contains("budget.share") && why.contains("from 0 to 1,000"), "{why}");
    }
    let why = RetryBudget::new(0.2, 10, 0).unwrap_err().to_string();
    assert_eq!(why, "retries: budget.burst = 0: must be at least 1");
}
