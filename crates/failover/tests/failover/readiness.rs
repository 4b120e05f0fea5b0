//! Targets that are not ready.

use buttress_call::Kind;
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn a_target_that_is_never_ready_is_passed_over_at_once_and_its_clone_dropped() {
    let (a, b) = (Scripted::serves("a").unready(), Scripted::always("b", Act::Hang));
    let mut call = spawn(fleet([&a, &b]).oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    assert_eq!((b.calls(), a.readiness_polls(), a.spare_clones()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn all_unready_waits_without_spinning_for_the_first_that_is() {
    let (a, b) = (Scripted::serves("a").unready(), Scripted::serves("b").unready());
    let fleet = fleet([&a, &b]);
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    assert!(!call.is_woken(), "a self-wake");
    advance(secs(3600)).await;
    assert!(!call.is_woken());
    assert_eq!((a.readiness_polls(), b.readiness_polls()), (1, 1));
    b.becomes_ready();
    assert!(call.is_woken());
    let std::task::Poll::Ready(answer) = call.poll() else { panic!("pending") };
    assert_eq!(answer.unwrap().from, "b");
    assert_eq!((a.spare_clones(), b.spare_clones()), (0, 0), "nothing stays parked");
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_ready_means_waiting_for_none() {
    let (a, b, c) = (Scripted::serves("a").unready(), Scripted::serves("b").unready(), Scripted::serves("c"));
    assert_eq!(ask(&fleet([&a, &b, &c])).await.unwrap(), "c");
}

#[tokio::test(start_paused = true)]
async fn a_single_target_is_waited_for() {
    let a = Scripted::serves("a").unready();
    let mut call = spawn(fleet([&a]).oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    a.becomes_ready();
    assert!(call.poll().is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_target_passed_over_as_unready_is_tried_when_the_others_failed() {
    let (a, b) = (Scripted::serves("a").unready(), Scripted::always("b", Kind::Server));
    let mut call = spawn(fleet([&a, &b]).oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    a.becomes_ready();
    let std::task::Poll::Ready(answer) = call.poll() else { panic!("pending") };
    assert_eq!(answer.unwrap().from, "a");
}

#[tokio::test(start_paused = true)]
async fn an_error_while_becoming_ready_is_that_targets_failure() {
    let (a, b) =
        (Scripted::serves("a").fails_to_be_ready(Kind::Connect), Scripted::always("b", Kind::Server));
    let error = ask(&fleet([&a, &b])).await.unwrap_err();
    assert_eq!(error.to_string(), "no target served: a: connect; b: server");
    assert_eq!(a.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_cooling_that_ends_while_others_are_waited_for_ends_the_wait() {
    let (a, b) = (Scripted::serves("a").next(hinted(Kind::RateLimited, 30)), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    let _b = b.unready();
    let since = tokio::time::Instant::now();
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    assert_eq!(since.elapsed(), secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_cooling_ended_is_waited_for_beside_those_that_were() {
    let (a, b) = (Scripted::serves("a").next(hinted(Kind::RateLimited, 30)), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    let (a, b) = (a.unready(), b.unready());
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    assert_eq!((a.spare_clones(), b.spare_clones()), (0, 1));
    advance(secs(30)).await;
    assert!(call.is_woken() && call.poll().is_pending());
    assert_eq!((a.spare_clones(), b.spare_clones()), (1, 1));
    assert!(!call.is_woken());
}

#[tokio::test(start_paused = true)]
async fn a_wait_beside_a_probe_under_way_does_not_spin() {
    let (a, b) = (Scripted::always("a", Act::Hang).next(Kind::Quota), Scripted::serves("b"));
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(secs(300)).await;
    let mut probe = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(probe.poll().is_pending());
    let b = b.unready();
    let polls = b.readiness_polls();
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    assert!(!call.is_woken());
    assert_eq!(b.readiness_polls(), polls + 1);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cools_while_it_is_waited_for_is_not_called() {
    let a = Scripted::always("a", Kind::Server);
    let b = Scripted::serves("b").next(Act::FailAfter(secs(5), Kind::Quota.into()));
    let fleet = fleet([&a, &b]);
    let mut early = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(early.poll().is_pending());
    let b = b.unready();
    let mut call = spawn(fleet.clone().oneshot(Ask::default()));
    assert!(call.poll().is_pending());
    advance(secs(5)).await;
    assert!(early.poll().is_ready());
    b.becomes_ready();
    let std::task::Poll::Ready(Err(error)) = call.poll() else { panic!("it was called") };
    assert_eq!(error.to_string(), "no target served: a: server; b: cooling after quota, 300s left");
}

#[tokio::test(start_paused = true)]
async fn the_failover_itself_is_always_ready_and_takes_nothing() {
    let a = Scripted::serves("a").unready();
    let mut fleet = fleet([&a]);
    assert!(spawn(fleet.ready()).poll().is_ready());
    assert_eq!((a.readiness_polls(), a.spare_clones()), (0, 0));
}
