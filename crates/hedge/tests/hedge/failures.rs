//! Tries that fail: what is hedged at once, and what the caller hears at the end.

use std::time::Duration;

use buttress_call::{Failure, Kind, find};
use buttress_hedge::Policy;
use tower::ServiceExt;

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_delay_is_hedged_at_once() {
    let inner = Scripted::new([&[Wait(300 * MS), fail(Kind::Server)], &[Wait(300 * MS)]]);
    let (result, handle) = run(&inner).await;
    assert_eq!(result.unwrap().from, 2);
    assert_eq!((inner.at(Called(2)), inner.at(Resolved(2))), (Some(300 * MS), Some(600 * MS)));
    assert_eq!((handle.snapshot().sent, handle.snapshot().won), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_any_wait_is_hedged_in_the_same_poll() {
    let inner = Scripted::new([&[fail(Kind::Connect)]]);
    let (service, _) = hedge(Policy::after(SECOND), &inner);
    let mut call = service.oneshot(Ask::default());
    assert!(poll_once(&mut call).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_failure_told_by_an_answer_is_hedged_at_once() {
    let inner = Scripted::new([&[Respond(Kind::Overloaded)]]);
    let (service, _) = hedge_by_answer(Policy::after(SECOND), &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 2);
}

#[tokio::test(start_paused = true)]
async fn what_a_second_try_cannot_mend_is_the_answer() {
    let hinted = Failure::new(Kind::Overloaded).with_retry_after(Some(SECOND));
    let steps = [Kind::Invalid, Kind::Filtered, Kind::Rejected, Kind::RateLimited, Kind::Quota, Kind::Auth];
    for step in steps.map(fail).into_iter().chain([FailLast(Kind::Server), Fail(hinted)]) {
        let inner = Scripted::new([&[Wait(300 * MS), step]]);
        let (result, handle) = run(&inner).await;
        assert_eq!(message(&result).1, "failure 1");
        assert_eq!((inner.calls(), handle.snapshot().sent, handle.snapshot().throttled), (1, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_hedged_only_within_the_budget() {
    let inner = Scripted::new([]).otherwise(&[fail(Kind::Server)]);
    let (service, handle) = hedge(Policy { burst: 2.0, budget: 0.01, ..Policy::after(SECOND) }, &inner);
    for _ in 0..5 {
        service.clone().oneshot(Ask::default()).await.unwrap_err();
    }
    assert_eq!((inner.calls(), handle.snapshot().sent, handle.snapshot().throttled), (7, 2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_the_hedge_is_out_waits_for_the_hedge() {
    let inner = Scripted::new([&[Wait(1500 * MS), fail(Kind::Server)], &[Wait(SECOND)]]);
    let (result, _) = run(&inner).await;
    assert_eq!(result.unwrap().from, 2);
    assert_eq!(inner.calls(), 2, "one hedge is all that it has");
}

#[tokio::test(start_paused = true)]
async fn while_hedges_are_left_each_failure_is_replaced_at_once() {
    let inner = Scripted::new([
        &[Wait(100 * MS), fail(Kind::Server)],
        &[Wait(100 * MS), fail(Kind::Connect)],
        &[Wait(100 * MS)],
    ]);
    let (service, _) = hedge(Policy { max_hedges: 3, ..Policy::after(SECOND) }, &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 3);
    assert_eq!(inner.at(Resolved(3)), Some(300 * MS));
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_sent_after_a_failure_that_would_be_the_same_anywhere() {
    let inner = Scripted::new([&[Wait(1500 * MS), fail(Kind::Invalid)], &[Wait(10 * SECOND)]]);
    let (service, _) = hedge(Policy { max_hedges: 3, ..Policy::after(SECOND) }, &inner);
    let mut call = service.oneshot(Ask::default());
    // Polled more often than it asks for.
    while poll_once(&mut call).is_pending() {
        tokio::time::advance(500 * MS).await;
    }
    assert_eq!(inner.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn when_every_try_fails_the_caller_hears_of_the_first_that_was_sent() {
    // The hedge fails first in one case, and last in the other.
    for hedged_for in [SECOND, 5 * SECOND] {
        let inner = Scripted::new([
            &[Wait(3 * SECOND), fail(Kind::Server)],
            &[Wait(hedged_for), fail(Kind::Overloaded)],
        ]);
        let (result, _) = run(&inner).await;
        assert_eq!(message(&result), (Kind::Server, "failure 1".into()));
        assert_eq!(inner.alive(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_try_that_never_left_this_side_says_less_than_a_hedge_that_did() {
    for hedged_for in [SECOND, 5 * SECOND] {
        let inner = Scripted::new([
            &[Wait(3 * SECOND), fail(Kind::Rejected)],
            &[Wait(hedged_for), fail(Kind::Overloaded)],
        ]);
        let (result, _) = run(&inner).await;
        assert_eq!(message(&result), (Kind::Overloaded, "failure 2".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn the_callers_error_is_the_trys_own_with_its_hint() {
    let hinted = Failure::new(Kind::RateLimited).with_retry_after(Some(Duration::from_secs(7)));
    let inner = Scripted::new([&[Fail(hinted)]]);
    let (result, _) = run(&inner).await;
    assert_eq!(find(&result.unwrap_err()).unwrap().failure(), hinted);
}

#[tokio::test(start_paused = true)]
async fn a_failed_answer_is_handed_to_the_caller_when_nothing_better_came() {
    let inner = Scripted::new([&[Respond(Kind::Server)], &[Wait(SECOND), fail(Kind::Connect)]]);
    let (service, _) = hedge_by_answer(Policy::after(SECOND), &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 1);
}
