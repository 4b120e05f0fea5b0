//! Hedges that are not sent, or refused: they cost nothing and nobody waits for them.

use buttress_call::Kind;
use buttress_hedge::Policy;
use tokio::time::Instant;
use tower::{Service, ServiceExt};

use crate::scripted::*;

/// A budget of one hedge, of which the next call can see whether it is still there.
fn one() -> Policy {
    Policy { budget: 1e-6, burst: 1.0, ..Policy::after(SECOND) }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_a_layer_below_refuses_costs_no_budget() {
    let inner = Scripted::new([&[Wait(2 * SECOND)], &[fail(Kind::Rejected)], &[Hang], &[]]);
    let (service, handle) = hedge(one(), &inner);
    assert_eq!(service.clone().oneshot(Ask::default()).await.unwrap().from, 1);
    let snapshot = handle.snapshot();
    assert_eq!((snapshot.sent, snapshot.refused, snapshot.throttled), (0, 1, 0));
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 4, "the budget is still there");
    assert_eq!((handle.snapshot().sent, handle.snapshot().won), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_comes_late_costs_no_budget_either() {
    let inner = Scripted::new([&[Wait(3 * SECOND)], &[Wait(SECOND), fail(Kind::Rejected)]]);
    let (service, handle) = hedge(one(), &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 1);
    assert_eq!((handle.snapshot().sent, handle.snapshot().refused), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_whose_service_is_not_ready_is_dropped_and_not_waited_for() {
    for readiness in [Readiness::Pending, Readiness::Failed] {
        let inner = Scripted::new([&[Wait(9 * SECOND)], &[Hang]]);
        let (mut service, handle) = hedge(Policy { max_hedges: 3, ..one() }, &inner);
        let call = service.ready().await.unwrap().call(Ask::default());
        inner.set_readiness(readiness);
        assert_eq!(call.await.unwrap().from, 1);
        assert_eq!((inner.calls(), handle.snapshot().refused, handle.snapshot().sent), (1, 1, 0));
        assert!(inner.polls()[0] <= 3, "{:?}", inner.polls());
        inner.set_readiness(Readiness::Ready);
        service.oneshot(Ask::default()).await.unwrap();
        assert_eq!(handle.snapshot().won, 1, "the budget is still there");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_put_into_a_queue_on_this_side_is_dropped() {
    let inner = Scripted::new([&[Wait(3 * SECOND)], &[Queue, Wait(100 * MS), Sent]]);
    let (service, handle) = hedge(one(), &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 1);
    assert_eq!(inner.at(Dropped(2)), Some(SECOND));
    assert_eq!((handle.snapshot().sent, handle.snapshot().refused), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn when_the_hedge_is_refused_a_failed_call_ends_at_once() {
    for (refusal, readiness) in [
        (vec![fail(Kind::Rejected)], Readiness::Ready),
        (vec![Queue, Hang], Readiness::Ready),
        (vec![], Readiness::Pending),
        (vec![], Readiness::Failed),
    ] {
        let inner = Scripted::new([&[Wait(300 * MS), fail(Kind::Server)], &refusal]);
        let (mut service, handle) = hedge(one(), &inner);
        let began = Instant::now();
        let call = service.ready().await.unwrap().call(Ask::default());
        inner.set_readiness(readiness);
        let result = call.await;
        assert_eq!(message(&result), (Kind::Server, "failure 1".into()));
        assert_eq!((began.elapsed(), handle.snapshot().refused), (300 * MS, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_hedge_was_refused_gets_no_other() {
    for refusal in [vec![fail(Kind::Rejected)], vec![Queue, Hang]] {
        let inner = Scripted::new([&[Wait(9 * SECOND)], &refusal]);
        let (service, handle) = hedge(Policy { max_hedges: 3, ..Policy::after(SECOND) }, &inner);
        assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 1);
        assert_eq!((inner.calls(), handle.snapshot().refused, handle.snapshot().sent), (2, 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_waits_after_it_was_sent_is_not_refused() {
    // As a retry below does, between its attempts.
    let inner = Scripted::new([&[Hang], &[Sent, Queue, Wait(SECOND), Sent]]);
    let (result, handle) = run(&inner).await;
    assert_eq!((result.unwrap().from, handle.snapshot().refused), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_share_of_a_half_affords_a_hedge_for_every_other_call() {
    let inner = Scripted::new([]);
    let (service, handle) = hedge(Policy { budget: 0.5, burst: 1.0, ..Policy::after(SECOND) }, &inner);
    let mut sent = Vec::new();
    for _ in 0..6 {
        inner.push(&[Wait(2 * SECOND)]);
        service.clone().oneshot(Ask::default()).await.unwrap();
        inner.push(&[]);
        service.clone().oneshot(Ask::default()).await.unwrap();
        sent.push(handle.snapshot().sent);
    }
    assert_eq!((sent, handle.snapshot().throttled), ((1..=6).collect(), 0));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_hedge_is_dropped_and_not_queued() {
    let inner = Scripted::new([]).otherwise(&[Wait(5 * SECOND)]);
    let (service, handle) = hedge(one(), &inner);
    service.clone().oneshot(Ask::default()).await.unwrap();
    assert_eq!((inner.calls(), handle.snapshot().sent), (2, 1));
    let late = tokio::spawn(service.clone().oneshot(Ask::default()));
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(handle.snapshot().throttled, 1);
    late.await.unwrap().unwrap();
    assert_eq!((inner.calls(), handle.snapshot().throttled), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_the_calls_deadline() {
    // Late after it, late at it, and a failure at it.
    let cases: [&[Step]; 3] = [&[Wait(5 * SECOND)], &[Hang], &[Wait(500 * MS), fail(Kind::Server)]];
    for (steps, deadline) in cases.into_iter().zip([700 * MS, SECOND, 500 * MS]) {
        let inner = Scripted::new([steps]);
        let (service, handle) = hedge(Policy::after(SECOND), &inner);
        let mut ask = Ask::default();
        ask.call.clamp_deadline(Instant::now() + deadline);
        let _ = tokio::time::timeout(5 * SECOND, service.oneshot(ask)).await;
        let snapshot = handle.snapshot();
        assert_eq!((inner.calls(), snapshot.throttled, snapshot.refused), (1, 0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge_before_the_deadline_is_sent() {
    let inner = Scripted::new([&[Hang]]);
    let (service, _) = hedge(Policy::after(SECOND), &inner);
    let mut ask = Ask::default();
    ask.call.clamp_deadline(Instant::now() + SECOND + MS);
    assert_eq!(service.oneshot(ask).await.unwrap().from, 2);
}
