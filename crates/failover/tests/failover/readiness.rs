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
async fn the_failover_itself_is_always_ready_and_takes_nothing() {
    let a = Scripted::serves("a").unready();
    let mut fleet = fleet([&a]);
    assert!(spawn(fleet.ready()).poll().is_ready());
    assert_eq!((a.readiness_polls(), a.spare_clones()), (0, 0));
}
