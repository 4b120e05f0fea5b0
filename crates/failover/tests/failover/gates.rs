//! Targets behind a gate, as a breaker's.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use buttress_call::Kind;

use crate::scripted::*;

#[tokio::test(start_paused = true)]
async fn a_gated_target_is_passed_over_without_a_call_until_its_gate_lets_through() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let closed = Arc::new(AtomicBool::new(false));
    let fleet = fleet([&a, &b]);
    let fleet = fleet
        .gate("a", {
            let closed = closed.clone();
            move || !closed.load(SeqCst)
        })
        .unwrap();
    closed.store(true, SeqCst);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!((a.calls(), a.readiness_polls()), (0, 0));
    assert!(fleet.handle().snapshot()[0].gated);
    closed.store(false, SeqCst);
    assert_eq!(ask(&fleet).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn when_all_are_gated_they_are_called_and_say_themselves_how_long() {
    let a = Scripted::always("a", hinted(Kind::Rejected, 60));
    let b = Scripted::always("b", hinted(Kind::Rejected, 9));
    let fleet = fleet([&a, &b]).gate("a", || false).unwrap().gate("b", || false).unwrap();
    let error = ask(&fleet).await.unwrap_err();
    let failure = buttress_call::failure(&error);
    assert_eq!((failure.kind, failure.retry_after), (Kind::Rejected, Some(secs(9))));
}

#[tokio::test(start_paused = true)]
async fn a_cooling_target_is_a_better_last_resort_than_a_gated_one() {
    let a = Scripted::always("a", Kind::Rejected).next(Act::Serve);
    let b = Scripted::serves("b").next(hinted(Kind::RateLimited, 60));
    let gate = Arc::new(AtomicBool::new(true));
    let fleet = fleet([&b, &a])
        .gate("a", {
            let gate = gate.clone();
            move || gate.load(SeqCst)
        })
        .unwrap();
    assert_eq!(ask(&fleet).await.unwrap(), "a");
    gate.store(false, SeqCst);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(a.calls(), 1);
}

#[test]
fn a_gate_needs_a_target_and_a_target_has_one_gate() {
    let says = |fleet: Result<Fleet, buttress_failover::InvalidTargets>| fleet.unwrap_err().to_string();
    let a = Scripted::serves("a");
    assert_eq!(says(fleet([&a]).gate("b", || true)), "no target is named \"b\"");
    let gated = fleet([&a]).gate("a", || true).unwrap();
    assert_eq!(says(gated.gate("a", || true)), "target \"a\" has a gate already");
}
