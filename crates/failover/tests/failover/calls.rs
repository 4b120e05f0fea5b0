//! What an attempt carries in, and attempts that run side by side.

use buttress_call::{Attempt, Cause, Kind};
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

fn attempt(number: u32, cause: Cause) -> Attempt {
    let mut attempt = Attempt::default();
    attempt.number = number;
    attempt.cause = cause;
    attempt
}

#[tokio::test(start_paused = true)]
async fn every_attempt_after_the_first_is_counted_and_has_its_own_clock() {
    let targets = ["a", "b", "c"].map(|name| Scripted::always(name, Kind::Server));
    let mut ask = Ask::default();
    let outer = ask.call.ensure_progress().clone();
    assert!(ask_for(&fleet([&targets[0], &targets[1], &targets[2]]), ask).await.is_err());
    let [a, b, c] = targets.map(|target| target.asked().remove(0));
    assert_eq!(a.attempt(), attempt(1, Cause::First));
    assert_eq!(b.attempt(), attempt(2, Cause::Failover));
    assert_eq!(c.attempt(), attempt(3, Cause::Failover));
    b.progress().unwrap().mark_sent();
    assert!(outer.sent_at().is_some(), "the caller sees the attempt");
    assert_eq!(c.was_sent(), Some(false), "the next one has a clock of its own");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_is_told_whether_another_target_can_serve() {
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::serves("b"));
    assert_eq!(ask(&fleet([&a, &b])).await.unwrap(), "b");
    assert!(a.asked()[0].another_can_serve());
    assert!(!b.asked()[0].another_can_serve());
}

#[tokio::test(start_paused = true)]
async fn a_cooling_a_gated_and_an_unready_target_cannot_serve() {
    let cooling = Scripted::serves("cooling").next(hinted(Kind::RateLimited, 60));
    let gated = Scripted::serves("gated");
    let unready = Scripted::serves("unready").unready();
    let a = Scripted::serves("a");
    let fleet = fleet([&cooling, &unready, &a, &gated]).gate("gated", || false).unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    assert!(!a.asked()[1].another_can_serve());
}

#[tokio::test(start_paused = true)]
async fn a_failover_inside_another_does_not_hide_the_outer_ones_targets() {
    let a = Scripted::serves("a");
    let mut ask = Ask::default();
    ask.call.set_another_can_serve(true);
    ask_for(&fleet([&a]), ask).await.unwrap();
    assert!(a.asked()[0].another_can_serve());
}

#[tokio::test(start_paused = true)]
async fn a_second_attempt_beside_the_first_goes_elsewhere() {
    let (a, b) = (Scripted::always("a", Act::Hang), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    let mut ask = Ask::default();
    let targets = ask.call.ensure_targets().clone();
    let mut first = spawn(fleet.clone().oneshot(ask.clone()));
    assert!(first.poll().is_pending());
    assert!(targets.in_use("a"));
    assert_eq!(ask_for(&fleet, ask).await.unwrap(), "b");
    assert!(!targets.in_use("b"), "its future is done");
    drop(first);
    assert!(!targets.in_use("a"));
}

#[tokio::test(start_paused = true)]
async fn a_fleet_of_one_is_used_twice() {
    let a = Scripted::serves("a").next(Act::Hang);
    let fleet = fleet([&a]);
    let mut ask = Ask::default();
    ask.call.ensure_targets();
    let mut first = spawn(fleet.clone().oneshot(ask.clone()));
    assert!(first.poll().is_pending());
    assert_eq!(ask_for(&fleet, ask).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_failed_does_not_follow_the_one_beside_it() {
    let (a, b) = (Scripted::always("a", Act::Hang), Scripted::always("b", Kind::Server));
    let fleet = fleet([&a, &b]);
    let mut ask = Ask::default();
    ask.call.ensure_targets();
    let mut first = spawn(fleet.clone().oneshot(ask.clone()));
    assert!(first.poll().is_pending());
    let error = ask_for(&fleet, ask).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: b: server; a: in use by another attempt");
    assert_eq!(a.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_failed_is_free_while_the_next_one_is_waited_for() {
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::serves("b").unready());
    let mut ask = Ask::default();
    let targets = ask.call.ensure_targets().clone();
    let mut call = spawn(fleet([&a, &b]).oneshot(ask));
    assert!(call.poll().is_pending());
    assert_eq!((a.calls(), targets.in_use("a"), targets.in_use("b")), (1, false, false));
}
