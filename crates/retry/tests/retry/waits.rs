//! How long a call waits before it is sent again.

use std::time::Duration;

use buttress_call::{Failure, Kind, hint::MAX_HINT};
use buttress_retry::{Backoff, Jitter, Retries, RetryPolicy};
use tokio::time::Instant;

use crate::support::{Form, MS, SECOND, Step, Target, fail, in_both_forms, limited, policy, request};

in_both_forms!(
    a_429_waits_for_its_hint_and_then_succeeds,
    a_hint_is_a_floor_for_any_kind,
    clients_with_one_hint_do_not_come_back_at_one_instant,
    a_hint_beyond_the_cap_fails_at_once,
    hints_of_years_and_of_nothing_do_no_harm,
    without_a_hint_the_backoff_doubles_up_to_its_cap,
    the_documented_formula_is_kept,
    decorrelated_waits_grow_from_the_one_before,
    the_failed_response_and_its_connection_are_gone_before_the_wait,
);

fn backoff(base: Duration, cap: Duration, jitter: Jitter) -> RetryPolicy {
    let backoff = Backoff { base, cap, jitter };
    RetryPolicy::new(Retries { attempts: 9, backoff, ..Retries::default() }).unwrap().seed(1)
}

/// tokio's timer counts whole milliseconds, and rounds up.
fn within(wait: Duration, low: Duration, high: Duration) -> bool {
    low <= wait && wait <= high + MS
}

async fn a_429_waits_for_its_hint_and_then_succeeds(form: Form) {
    let target = Target::new([limited(2 * SECOND)]);
    target.ask(form, &policy(), request()).await.unwrap();
    let waits = target.waits();
    assert!(waits.len() == 1 && within(waits[0], 2 * SECOND, 2500 * MS), "{waits:?}");
}

async fn a_hint_is_a_floor_for_any_kind(form: Form) {
    for kind in [Kind::Connect, Kind::Server, Kind::Broken, Kind::Overloaded, Kind::RateLimited] {
        let target = Target::new([fail(Failure::new(kind).with_retry_after(Some(3 * SECOND)))]);
        target.ask(form, &policy(), request()).await.unwrap();
        assert!(within(target.waits()[0], 3 * SECOND, 3500 * MS), "{kind}");
    }
}

async fn clients_with_one_hint_do_not_come_back_at_one_instant(form: Form) {
    let policy = policy();
    let mut waits = Vec::new();
    for _ in 0..20 {
        let target = Target::new([limited(2 * SECOND)]);
        target.ask(form, &policy, request()).await.unwrap();
        waits.extend(target.waits());
    }
    waits.sort();
    waits.dedup();
    assert!(waits.len() >= 15, "{waits:?}");
}

async fn a_hint_beyond_the_cap_fails_at_once(form: Form) {
    let start = Instant::now();
    let target = Target::new([limited(60 * SECOND)]);
    let error = target.ask(form, &policy(), request()).await.unwrap_err();
    assert_eq!(
        buttress_call::failure(&error).retry_after,
        Some(60 * SECOND),
        "the caller hears it unchanged"
    );
    assert_eq!((target.times(), start.elapsed()), (1, Duration::ZERO));

    let target = Target::new([limited(5 * SECOND)]);
    target.ask(form, &policy(), request()).await.unwrap();
}

async fn hints_of_years_and_of_nothing_do_no_harm(form: Form) {
    for hint in [MAX_HINT, Duration::MAX] {
        let target = Target::new([limited(hint)]);
        target.ask(form, &policy(), request()).await.unwrap_err();
        assert_eq!(target.times(), 1);
    }
    let target = Target::new([limited(Duration::ZERO)]);
    target.ask(form, &policy(), request()).await.unwrap();
    assert!(within(target.waits()[0], Duration::ZERO, 500 * MS));

    // No cap at all, and a hint for which no clock has room: the wait is long, nothing overflows.
    let endless = Retries { hint_cap: Duration::MAX, ..Retries::default() };
    let target = Target::new([limited(Duration::MAX)]);
    let policy = RetryPolicy::new(endless).unwrap();
    let asked = tokio::time::timeout(SECOND, target.ask(form, &policy, request())).await;
    assert!(asked.is_err());
}

async fn without_a_hint_the_backoff_doubles_up_to_its_cap(form: Form) {
    let target = Target::failing(Kind::Server);
    let policy = backoff(SECOND, 20 * SECOND, Jitter::None);
    target.ask(form, &policy, request()).await.unwrap_err();
    assert_eq!(target.waits(), [1, 2, 4, 8, 16, 20, 20, 20].map(Duration::from_secs));

    let target = Target::failing(Kind::Server);
    let policy = backoff(SECOND, 20 * SECOND, Jitter::Equal);
    target.ask(form, &policy, request()).await.unwrap_err();
    for (wait, t) in target.waits().into_iter().zip([1, 2, 4, 8, 16, 20, 20, 20]) {
        assert!(within(wait, t * 500 * MS, t * SECOND), "{wait:?} of {t} s");
    }
}

/// `min(1 s * 2^n, 30 s)` plus 10 to 30 % of it, within 30 s.
async fn the_documented_formula_is_kept(form: Form) {
    let backoff = Backoff::proportional(SECOND, 30 * SECOND);
    let numbers = Retries { attempts: 8, backoff, ..Retries::default() };
    let target = Target::failing(Kind::Server);
    target.ask(form, &RetryPolicy::new(numbers).unwrap(), request()).await.unwrap_err();
    let ms = [(1_100, 1_300), (2_200, 2_600), (4_400, 5_200), (8_800, 10_400), (17_600, 20_800)];
    let capped = (25_384, 30_000);
    for (wait, (low, high)) in target.waits().into_iter().zip(ms.into_iter().chain([capped, capped])) {
        assert!(within(wait, low * MS, high * MS), "{wait:?} is not in {low}..{high} ms");
    }
    assert_eq!(target.times(), 8);
}

async fn decorrelated_waits_grow_from_the_one_before(form: Form) {
    let target = Target::failing(Kind::Server);
    target.ask(form, &backoff(SECOND, 20 * SECOND, Jitter::Decorrelated), request()).await.unwrap_err();
    let mut last = SECOND;
    for wait in target.waits() {
        assert!(within(wait, SECOND, (3 * (last + MS)).min(20 * SECOND)), "{wait:?} after {last:?}");
        last = wait;
    }
}

async fn the_failed_response_and_its_connection_are_gone_before_the_wait(form: Form) {
    for step in [Step::Status(503), fail(Kind::Overloaded)] {
        let target = Target::new([step]);
        let policy = backoff(SECOND, SECOND, Jitter::None);
        let service = target.under(form, &policy);
        let call = tokio::spawn(tower::ServiceExt::oneshot(service, request()));
        tokio::time::sleep(500 * MS).await;
        assert_eq!((target.times(), target.connections()), (1, 0), "in the middle of the wait");
        let response = call.await.unwrap().unwrap();
        assert_eq!((target.asked()[1].connections, target.connections()), (0, 1));
        drop(response);
    }
}
