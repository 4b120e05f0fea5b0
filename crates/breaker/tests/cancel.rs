//! Calls that nobody waited for: dropped futures, dropped bodies, panics.
#![cfg(not(buttress_loom))]

mod support;

use std::panic::AssertUnwindSafe;

use buttress_breaker::{Policy, Rate, Slow, SlowerThan, State};
use buttress_call::{Call, Kind};
use support::{MS, SECOND, Step, policy, rejected, rig, with_deadline};
use tokio::time::{Instant, timeout_at};
use tower::{Service, ServiceExt};

fn slow_at(limit: std::time::Duration) -> Policy {
    let rate = Rate { share: 0.5, minimum: 4 };
    Policy { slow_rate: Some(Slow { than: SlowerThan::Fixed(limit), rate }), ..policy() }
}

/// Closed, and nothing counted.
fn untouched(rig: &support::Rig) -> bool {
    let snapshot = rig.circuit.snapshot();
    (snapshot.state, snapshot.consecutive_failures, snapshot.timed) == (State::Closed, 0, 0)
}

#[tokio::test(start_paused = true)]
async fn calls_dropped_at_their_deadline_by_an_outer_timeout_open_it() {
    let rig = rig(policy());
    let mut reached = 0;
    for _ in 0..100 {
        let deadline = Instant::now() + 300 * MS;
        let call = rig.start(with_deadline(Step::Hang, deadline)).await;
        match timeout_at(deadline, call).await {
            Err(_) => reached += 1,
            Ok(result) => assert!(rejected(&result)),
        }
    }
    assert_eq!((reached, rig.target.calls()), (3, 3), "of 100, as many as it takes to open");
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_its_deadline_says_nothing() {
    let rig = rig(policy());
    for _ in 0..10 {
        let deadline = Instant::now() + 300 * MS;
        let call = rig.start(with_deadline(Step::Hang, deadline)).await;
        timeout_at(deadline - MS, call).await.unwrap_err();
    }
    assert!(untouched(&rig));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_in_a_queue_below_says_nothing_of_the_target() {
    let rig = rig(slow_at(SECOND));
    for _ in 0..10 {
        let deadline = Instant::now() + 3 * SECOND;
        let call = rig.start(with_deadline(Step::Queue, deadline)).await;
        timeout_at(deadline, call).await.unwrap_err();
    }
    assert!(untouched(&rig));
}

#[tokio::test(start_paused = true)]
async fn where_nobody_ticks_an_attempts_clock_its_calls_are_evidence_all_the_same() {
    let rig = rig(policy());
    for _ in 0..3 {
        let deadline = Instant::now() + 300 * MS;
        let mut request = with_deadline(Step::Silence, deadline);
        Call::get_or_insert(request.extensions_mut()).ensure_progress();
        timeout_at(deadline, rig.start(request).await).await.unwrap_err();
    }
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_deadline_that_is_dropped_after_the_slow_limit_is_slow() {
    let rig = rig(slow_at(SECOND));
    for _ in 0..4 {
        let call = rig.start(support::Request::new(Step::Hang)).await;
        timeout_at(Instant::now() + SECOND + MS, call).await.unwrap_err();
    }
    assert!(rig.circuit.is_open());
    assert_eq!(rig.target.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_within_the_slow_limit_says_nothing() {
    let rig = rig(slow_at(SECOND));
    for _ in 0..10 {
        let call = rig.start(support::Request::new(Step::Hang)).await;
        timeout_at(Instant::now() + SECOND, call).await.unwrap_err();
    }
    assert!(untouched(&rig));
}

#[tokio::test(start_paused = true)]
async fn the_age_of_a_dropped_call_counts_from_its_send() {
    let rig = rig(slow_at(SECOND));
    for _ in 0..10 {
        let mut request = support::Request::new(Step::Silence);
        let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
        let mut call = std::pin::pin!(rig.start(request).await);
        let since = Instant::now();
        timeout_at(since + 5 * SECOND, call.as_mut()).await.unwrap_err();
        progress.mark_sent();
        timeout_at(since + 6 * SECOND, call).await.unwrap_err();
    }
    assert!(untouched(&rig));
}

#[tokio::test(start_paused = true)]
async fn where_time_outs_do_not_count_a_call_dropped_at_its_deadline_may_still_be_slow() {
    let rig = rig(Policy { counts: |kind| kind == Kind::Server, ..slow_at(SECOND) });
    for _ in 0..4 {
        let deadline = Instant::now() + 2 * SECOND;
        let call = rig.start(with_deadline(Step::Hang, deadline)).await;
        timeout_at(deadline, call).await.unwrap_err();
    }
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_at_its_deadline_has_failed() {
    let rig = rig(policy()).recovering().await;
    let deadline = Instant::now() + SECOND;
    let call = rig.start(with_deadline(Step::Hang, deadline)).await;
    timeout_at(deadline, call).await.unwrap_err();
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_after_its_first_content_says_nothing_even_past_the_deadline() {
    let rig = rig(policy());
    for _ in 0..3 {
        let deadline = Instant::now() + SECOND;
        let request = with_deadline(Step::Stream { first_content: 100 * MS }, deadline);
        let response = rig.start(request).await.await.unwrap();
        tokio::time::advance(2 * SECOND).await;
        drop((response, rig.target.ender()));
    }
    assert!(untouched(&rig));
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_without_content_at_its_deadline_is_a_timeout() {
    let rig = rig(policy());
    for _ in 0..3 {
        let request = with_deadline(Step::Head, Instant::now() + SECOND);
        let response = rig.start(request).await.await.unwrap();
        tokio::time::advance(SECOND).await;
        drop((response, rig.target.ender()));
    }
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_stream_counts_when_it_ends_whatever_its_head_said() {
    let rig = rig(policy());
    for n in 0..3 {
        let _response = rig.send(Step::Stream { first_content: MS }).await.unwrap();
        assert_eq!(rig.circuit.snapshot().consecutive_failures, n, "not before the end");
        rig.target.ender().end(Kind::Broken.into());
    }
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_response_thrown_away_does_not_settle_its_stream() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    drop(rig.send(Step::Head).await.unwrap());
    assert_eq!(rig.circuit.snapshot().probes, 1, "only the end does");
    drop(rig.target.ender());
    assert_eq!(rig.circuit.snapshot().probes, 0);
}

#[tokio::test(start_paused = true)]
async fn a_probe_dropped_at_any_point_gives_its_slot_back() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let idle = || rig.circuit.snapshot().probes == 0 && !rig.circuit.is_open();

    let unpolled = rig.start(support::Request::new(Step::Hang)).await;
    assert!(!idle());
    drop(unpolled);
    assert!(idle(), "before its first poll");

    let mut polled = Box::pin(rig.start(support::Request::new(Step::AnswerAfter(SECOND))).await);
    assert!(futures_poll(polled.as_mut()).is_pending());
    drop(polled);
    assert!(idle(), "while pending");

    let response = rig.send(Step::Head).await.unwrap();
    drop((response, rig.target.ender()));
    assert!(idle(), "while its body flows");
    assert_eq!((rig.circuit.state(), rig.target.in_flight()), (State::HalfOpen, 0));
}

fn futures_poll<F: Future + ?Sized>(future: std::pin::Pin<&mut F>) -> std::task::Poll<F::Output> {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_gives_the_slot_back() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let mut service = rig.service.clone();
    let ready = service.ready().await.unwrap();
    let in_call = std::panic::catch_unwind(AssertUnwindSafe(|| {
        drop(ready.call(support::Request::new(Step::PanicInCall)));
    }));
    in_call.unwrap_err();
    assert_eq!(rig.circuit.snapshot().probes, 0);

    let in_poll = rig.spawn(Step::PanicInPoll).await;
    assert!(in_poll.await.unwrap_err().is_panic());
    assert_eq!((rig.circuit.snapshot().probes, rig.circuit.state()), (0, State::HalfOpen));
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
}
