//! When a call counts as late.

use std::{sync::Arc, time::Duration};

use buttress_call::{ByError, Cause, Kind, Shape};
use buttress_hedge::{HedgeLayer, Policy};
use tower::{Layer, ServiceExt};

use crate::scripted::*;

async fn hedged_at(steps: &[Step]) -> Option<Duration> {
    let inner = Scripted::new([steps]);
    let (result, _) = run(&inner).await;
    result.unwrap();
    inner.at(Called(2))
}

#[tokio::test(start_paused = true)]
async fn the_delay_counts_from_the_send() {
    assert_eq!(hedged_at(&[Wait(700 * MS), Sent, Wait(9 * SECOND)]).await, Some(1700 * MS));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_nobody_says_was_sent_counts_from_the_call() {
    assert_eq!(hedged_at(&[Wait(9 * SECOND)]).await, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_a_queue_on_this_side_is_not_slowness() {
    let queued = [Queue, Wait(7300 * MS), Sent, Wait(9 * SECOND)];
    assert_eq!(hedged_at(&queued).await, Some(8300 * MS));
    // However long it lasts.
    assert_eq!(hedged_at(&[Queue, Wait(100 * SECOND), Sent, Wait(500 * MS)]).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_try_that_is_queued_only_later_is_not_late_while_it_waits() {
    assert_eq!(
        hedged_at(&[Wait(500 * MS), Queue, Wait(3 * SECOND), Sent, Wait(9 * SECOND)]).await,
        Some(4500 * MS)
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_wakes_the_call_once_a_delay() {
    let inner = Scripted::new([&[Queue, Wait(100 * SECOND), Sent]]);
    run(&inner).await.0.unwrap();
    assert!(inner.polls()[0] <= 103, "{:?}", inner.polls());
}

#[tokio::test(start_paused = true)]
async fn a_try_sent_anew_below_counts_from_its_last_send() {
    assert_eq!(
        hedged_at(&[Sent, Wait(800 * MS), Sent, Wait(9 * SECOND)]).await,
        Some(1800 * MS),
        "a retry inside has its own delay"
    );
}

#[tokio::test(start_paused = true)]
async fn what_has_shown_content_is_not_hedged_though_the_answer_is_still_held() {
    assert_eq!(hedged_at(&[Sent, Wait(500 * MS), Content, Wait(60 * SECOND)]).await, None);
}

#[tokio::test(start_paused = true)]
async fn content_after_the_delay_comes_too_late() {
    assert_eq!(hedged_at(&[Sent, Wait(1500 * MS), Content, Wait(60 * SECOND)]).await, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_held_and_then_breaks_is_hedged_at_once() {
    let inner = Scripted::new([&[Sent, Content, Wait(5 * SECOND), fail(Kind::Broken)]]);
    assert_eq!(run(&inner).await.0.unwrap().from, 2);
    assert_eq!(inner.at(Called(2)), Some(5 * SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_hedges_ticks_are_not_taken_for_the_first_trys_nor_hide_it_from_an_outer_clock() {
    let inner = Scripted::new([&[Sent, Hang], &[Wait(300 * MS), Sent, Wait(300 * MS), Content, Hang]]);
    let (service, _) = hedge(Policy::after(SECOND), &inner);
    let mut ask = Ask::default();
    let outer = ask.call.ensure_progress().clone();
    let _ = tokio::time::timeout(5 * SECOND, service.oneshot(ask)).await;
    let clocks: Vec<_> = inner.asked().iter().map(|call| call.progress().unwrap().clone()).collect();
    assert_eq!(clocks[0].first_content_at(), None);
    assert_eq!(clocks[1].time_to_first_content(), Some(300 * MS));
    assert_eq!(outer.sent_at(), clocks[1].sent_at(), "an outer clock shows what was sent last");
    assert_eq!(inner.causes(), [(1, Cause::First), (2, Cause::Hedge)]);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_shows_content_keeps_further_ones_back() {
    let inner = Scripted::new([&[Sent, Hang], &[Sent, Content, Wait(9 * SECOND)]]);
    let (service, _) = hedge(Policy { max_hedges: 3, ..Policy::after(SECOND) }, &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 2);
    assert_eq!(inner.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delay_beyond_the_end_of_time_is_never_over() {
    let inner = Scripted::new([&[Wait(SECOND)]]);
    let (service, _) = hedge(Policy::after(Duration::MAX), &inner);
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 1);
}

fn shaped(stream: bool) -> Ask {
    let mut shape = Shape::default();
    shape.stream = stream;
    let mut ask = Ask::default();
    ask.call.set_shape(Arc::new(shape));
    ask
}

#[tokio::test(start_paused = true)]
async fn streams_are_hedged_and_whole_answers_are_not() {
    for (ask, calls) in [(shaped(true), 2), (shaped(false), 1), (Ask::default(), 2)] {
        let inner = Scripted::new([&[Wait(5 * SECOND)], &[Hang]]);
        let (service, handle) = hedge(Policy::after(SECOND), &inner);
        service.oneshot(ask).await.unwrap();
        assert_eq!((inner.calls(), handle.snapshot().calls), (calls, calls as u64 - 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_predicate_decides_alone() {
    for (hedge_it, calls) in [(true, 2), (false, 1)] {
        let inner = Scripted::new([&[Wait(5 * SECOND)], &[Hang]]);
        let layer = HedgeLayer::after(SECOND).unwrap().classify(by_error());
        let service = layer.when(move |_: &Ask| hedge_it).layer(inner.clone());
        service.oneshot(shaped(false)).await.unwrap();
        assert_eq!(inner.calls(), calls);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_may_not_be_hedged_is_left_as_it_is() {
    let inner = Scripted::new([&[fail(Kind::Server)]]);
    let (service, _) = hedge(Policy::after(SECOND), &inner);
    service.oneshot(shaped(false)).await.unwrap_err();
    let call = inner.asked().remove(0);
    assert!(call.progress().is_none() && call.targets().is_none());
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_call_are_hedged_by_the_time_of_the_call() {
    let inner = Scripted::new([&[Wait(9 * SECOND)]]);
    let service = HedgeLayer::after(SECOND).unwrap().classify(ByError).layer(inner.clone());
    assert_eq!(service.oneshot(Ask::default()).await.unwrap().from, 2);
    assert_eq!(inner.at(Called(2)), Some(SECOND));
    assert!(inner.asked().iter().all(|call| call.progress().is_none() && call.targets().is_none()));
}
