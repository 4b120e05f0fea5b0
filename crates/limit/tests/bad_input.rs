//! Numbers that make no sense, and what becomes of them.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::time::Duration;

use buttress_call::{Charging, Limits, OutputCharge, Usage, hint::MAX_HINT};
use buttress_limit::{Dimension, LimitLayer, Policy, Why};
use support::{Job, SECOND, Step, rig, tokens, why};

fn error(policy: Policy) -> String {
    LimitLayer::new(policy).expect_err("a policy that makes no sense").to_string()
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_by_field_value_and_rule() {
    let base = tokens;
    let cases = [
        (Policy { requests: Some(0), ..base() }, "requests = 0: must be 1 to 4294967295"),
        (Policy { requests: Some(1 << 32), ..base() }, "requests = 4294967296: must be 1 to 4294967295"),
        (Policy { tokens: Some(0), ..base() }, "tokens = 0: must be 1 to 10^12"),
        (
            Policy { input_tokens: Some(u64::MAX), ..base() },
            "input_tokens = 18446744073709551615: must be 1 to 10^12",
        ),
        (Policy { output_tokens: Some(0), ..base() }, "output_tokens = 0: must be 1 to 10^12"),
        (Policy { capacity: Some(0), ..base() }, "capacity = 0: must be 1 to 10^12"),
        (Policy { in_flight: Some(0), ..base() }, "in_flight = 0: must be at least 1"),
        (Policy { burst: Duration::ZERO, ..base() }, "burst = 0ns: must be 1 ms to a day"),
        (
            Policy { default_output: u64::MAX, ..base() },
            "default_output = 18446744073709551615: must be at most 10^9",
        ),
        (
            Policy { max_wait: Duration::MAX, ..base() },
            "max_wait = 18446744073709551615.999999999s: must be at most a day",
        ),
        (
            Policy { ramp_up: Duration::from_secs(3_601), ..base() },
            "ramp_up = 3601s: must be at most an hour",
        ),
        (Policy { max_keys: 0, ..base() }, "max_keys = 0: must be at least 1"),
    ];
    for (policy, message) in cases {
        assert_eq!(error(policy), format!("limit policy: {message}"));
    }
    let error_of = LimitLayer::new(Policy { tokens: Some(0), ..tokens() }).unwrap_err();
    assert_eq!((error_of.field(), error_of.value(), error_of.rule()), ("tokens", "0", "must be 1 to 10^12"));
    assert!(error(Policy::default()).contains("at least one must be set"));
    let layer = LimitLayer::new(tokens()).unwrap();
    assert!(layer.handle().set_policy(Policy { tokens: Some(0), ..tokens() }).is_err());
    assert_eq!(layer.handle().policy(), tokens(), "the old policy stays");
}

#[test]
fn times_may_be_as_long_as_their_rule_says_and_no_longer() {
    let hour = Duration::from_secs(3_600);
    let longest = [
        ("burst", 24 * hour, |burst| Policy { burst, ..tokens() }),
        ("max_wait", 24 * hour, |max_wait| Policy { max_wait, ..tokens() }),
        ("ramp_up", hour, |ramp_up| Policy { ramp_up, ..tokens() }),
        ("max_hint", MAX_HINT, |max_hint| Policy { max_hint, ..tokens() }),
    ] as [(&str, Duration, fn(Duration) -> Policy); 4];
    for (field, most, policy) in longest {
        assert!(LimitLayer::new(policy(most)).is_ok(), "{field}");
        let refused = LimitLayer::new(policy(most + Duration::from_nanos(1))).unwrap_err();
        assert_eq!(refused.field(), field);
    }
}

#[tokio::test(start_paused = true)]
async fn the_smallest_and_the_largest_quotas_work() {
    let rig = rig(Policy { tokens: Some(1), requests: Some(1), burst: Duration::from_millis(1), ..tokens() });
    rig.send(Job::quick(1)).await.unwrap();
    let large = Policy {
        requests: Some(u32::MAX.into()),
        tokens: Some(1_000_000_000_000),
        burst: Duration::from_secs(86_400),
        ..tokens()
    };
    let rig = support::rig(large);
    for _ in 0..1_000 {
        rig.send(Job::quick(1_000_000)).await.unwrap();
    }
    assert_eq!(rig.limits.snapshot().waited, 0);
}

#[tokio::test(start_paused = true)]
async fn an_output_cap_beyond_reason_holds_what_the_bucket_can_spare() {
    let rig = rig(tokens());
    // Nobody reserves it, and nobody has seen an output yet.
    let _pending = rig.spawn(Job::hang(100).cap(u64::MAX)).await;
    assert_eq!(rig.held(), 600, "all of the bucket at most, so the call passes");
    let reserving = Policy { charging: Some(Charging::new(OutputCharge::ReservedAndSettled)), ..tokens() };
    let rig = support::rig(reserving);
    let refused = rig.send(Job::quick(100).cap(u64::MAX)).await;
    assert_eq!(
        why(&refused),
        Some(Why::TooLarge(Dimension::Tokens)),
        "a provider that reserves it would say no, too"
    );
}

#[tokio::test(start_paused = true)]
async fn an_estimate_of_zero_counts_as_one_token() {
    let rig = rig(tokens());
    let _pending = rig.spawn(Job::hang(0)).await;
    assert_eq!(rig.held(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_absurd_usage_is_a_debt_that_stays_finite() {
    let rig = rig(tokens());
    let usage = Some(Usage::new(u64::MAX, u64::MAX));
    rig.send(Job::new(1, Step::Answer(Duration::ZERO, usage))).await.unwrap();
    let level = rig.limits.snapshot().tokens.unwrap().level;
    assert!(level.is_finite() && level < -1e12, "{level}");
    let refused = rig.send(Job::quick(1)).await;
    assert_eq!(why(&refused), Some(Why::WouldWait));
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert!(rig.level() < -1_000_000_000, "not forgiven");
}

#[tokio::test(start_paused = true)]
async fn a_usage_of_nothing_gives_back_what_was_held() {
    let rig = rig(tokens());
    let usage = Some(Usage::new(0, 0));
    rig.send(Job::new(100, Step::Answer(Duration::ZERO, usage)).cap(50)).await.unwrap();
    assert_eq!((rig.held(), rig.level()), (0, 600));
}

#[tokio::test(start_paused = true)]
async fn garbage_in_headers_never_raises_a_level_nor_sets_a_quota() {
    let rig = rig(Policy { learn_quota: true, ..tokens() });
    let mut limits = Limits::default();
    limits.tokens.limit = Some(u64::MAX);
    limits.tokens.remaining = Some(u64::MAX);
    limits.tokens.reset = Some(Duration::ZERO);
    limits.tokens.window = Some(Duration::from_secs(60));
    limits.requests.limit = Some(u64::MAX);
    limits.requests.window = Some(Duration::ZERO);
    rig.send(Job::quick(100).says(limits)).await.unwrap();
    let tokens = rig.limits.snapshot().tokens.unwrap();
    assert_eq!((tokens.per_minute, tokens.level), (600, 500.0));
    assert_eq!(rig.limits.snapshot().requests, None);
}

#[tokio::test(start_paused = true)]
async fn a_reset_in_the_past_says_nothing() {
    let rig = rig(tokens());
    let mut limits = Limits::default();
    limits.tokens.remaining = Some(200);
    limits.tokens.reset = Some(Duration::ZERO);
    rig.send(Job::quick(100).says(limits)).await.unwrap();
    assert_eq!(rig.level(), 200, "what is left is believed, when it resets is not");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_past_is_refused_if_it_would_have_to_wait() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let mut request = support::Request::new(Job::quick(10));
    let past = tokio::time::Instant::now();
    buttress_call::Call::get_or_insert(request.extensions_mut()).clamp_deadline(past);
    tokio::time::advance(SECOND / 2).await;
    assert_eq!(why(&rig.send(request).await), Some(Why::WouldWait));
}
