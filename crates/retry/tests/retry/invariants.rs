//! Whatever a target does: how often it is asked, and when.

use std::{sync::Arc, time::Duration};

use buttress_call::{Failure, Kind, Retry};
use buttress_retry::{Backoff, Jitter, Retries, RetryBudget, RetryPolicy};
use proptest::{collection::vec, option, prelude::*, sample::select};
use tokio::time::Instant;

use crate::support::{Form, MS, Step, Target, call, fail};

/// What the target does with one attempt, and for how long it works on it.
#[derive(Clone, Copy, Debug)]
enum Act {
    Answer,
    /// The answer has begun, and breaks.
    Break,
    Fail(Kind, Option<Duration>),
}

/// What a call's attempts meet, and the time it has.
type Plan = (Vec<(Act, Duration)>, Option<Duration>);

fn time(most: u64) -> impl Strategy<Value = Duration> {
    (0..most).prop_map(Duration::from_millis)
}

fn act() -> impl Strategy<Value = (Act, Duration)> {
    let act = prop_oneof![
        1 => Just(Act::Answer),
        1 => Just(Act::Break),
        8 => (select(&Kind::ALL[..]), option::weighted(0.3, time(8_000))).prop_map(|(kind, hint)| Act::Fail(kind, hint)),
    ];
    (act, time(500))
}

fn numbers() -> impl Strategy<Value = Retries> {
    let jitter = select(vec![Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated]);
    (1..6_u8, 1..2_000_u64, 0..5_000_u64, jitter, time(6_000)).prop_map(
        |(attempts, base, more, jitter, hint_cap)| {
            let [base, cap] = [base, base + more].map(Duration::from_millis);
            Retries { attempts, backoff: Backoff { base, cap, jitter }, hint_cap, ..Retries::default() }
        },
    )
}

fn step((act, works): (Act, Duration)) -> Step {
    let step = match act {
        Act::Answer => Step::Answer,
        Act::Break => Step::Stream,
        Act::Fail(kind, hint) => fail(Failure::new(kind).with_retry_after(hint)),
    };
    Step::After(works, Box::new(step))
}

/// The longest that the policy may wait after the failure of attempt `n` on top of the hint.
fn longest(backoff: &Backoff, n: usize) -> Duration {
    match backoff.jitter {
        // It grows from its own last value.
        Jitter::Decorrelated => backoff.cap,
        _ => backoff.base.saturating_mul(2_u32.pow(n as u32)).min(backoff.cap),
    }
}

fn run(form: Form, numbers: &Retries, burst: u32, calls: &[Plan]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let budget = Arc::new(RetryBudget::new(0.2, 0, burst).unwrap());
        let policy = RetryPolicy::new(numbers.clone()).unwrap().budget(budget).seed(1);
        let mut retries = 0;
        for (acts, deadline) in calls {
            let start = Instant::now();
            let request = call(|call| {
                call.ensure_progress();
                if let Some(time) = deadline {
                    call.clamp_deadline(start + *time);
                }
            });
            let target = Target::new(acts.iter().copied().map(step));
            let _ = target.ask(form, &policy, request).await;

            let asked = target.asked();
            assert!(asked.len() <= usize::from(numbers.attempts), "{} attempts", asked.len());
            retries += asked.len() - 1;
            for (n, next) in asked.iter().enumerate().skip(1) {
                let (act, works) = acts[n - 1];
                let Act::Fail(kind, hint) = act else { panic!("asked again after {act:?}") };
                assert_ne!(kind.retry(), Retry::Never, "asked again after {kind}");
                let hint = hint.unwrap_or_default();
                assert!(hint <= numbers.hint_cap, "a hint of {hint:?} was waited for");
                let wait = next.at.checked_duration_since(asked[n - 1].at + works).unwrap();
                let most = hint + longest(&numbers.backoff, n - 1);
                // Timers have a resolution of a millisecond.
                assert!(hint <= wait && wait <= most + 2 * MS, "{wait:?}, not from {hint:?} to {most:?}");
                assert!(
                    deadline.is_none_or(|time| next.at < start + time + 2 * MS),
                    "sent after the deadline"
                );
            }
        }
        // A first attempt pays a fifth of a retry.
        assert!(retries <= burst as usize + calls.len() / 5, "{retries} retries in {} calls", calls.len());
    });
}

proptest! {
    #[test]
    fn it_is_asked_as_often_as_kind_number_and_budget_say_and_when_backoff_hint_and_deadline_say(
        layer: bool,
        numbers in numbers(),
        burst in 1..8_u32,
        calls in vec((vec(act(), 6), option::weighted(0.5, time(8_000))), 1..20),
    ) {
        run(if layer { Form::Layer } else { Form::Tower }, &numbers, burst, &calls);
    }
}
