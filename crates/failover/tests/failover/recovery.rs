//! Back in service, little by little.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use buttress_call::Kind;
use buttress_failover::{Target, TargetState};
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

/// How many of so many calls made at once go to `a`.
fn share_of(a: &Scripted, fleet: &Fleet, calls: usize) -> usize {
    let before = a.calls();
    let mut calls: Vec<_> = (0..calls).map(|_| spawn(fleet.clone().oneshot(Ask::default()))).collect();
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    a.calls() - before
}

/// A fleet whose first target has cooled and is about to return.
async fn returning() -> (Scripted, Scripted, Fleet) {
    let a = Scripted::serves("a").next(hinted(Kind::RateLimited, 30));
    let b = Scripted::serves("b");
    let fleet = fleet([&a, &b]);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(secs(30)).await;
    (a, b, fleet)
}

#[tokio::test(start_paused = true)]
async fn after_a_cooling_a_target_begins_with_one_call_and_each_success_allows_one_more() {
    let (a, b, fleet) = returning().await;
    b.does(Act::Hang);
    for successes in 0..31 {
        a.does(Act::Hang);
        assert_eq!(share_of(&a, &fleet, 40), successes + 1);
        a.does(Act::Serve);
        assert_eq!(ask(&fleet).await.unwrap(), "a");
    }
    a.does(Act::Hang);
    assert_eq!(fleet.handle().snapshot()[0].state, TargetState::Serving);
    assert_eq!(share_of(&a, &fleet, 40), 40);
}

#[tokio::test(start_paused = true)]
async fn a_failure_while_it_warms_up_starts_over() {
    let (a, b, fleet) = returning().await;
    for _ in 0..5 {
        ask(&fleet).await.unwrap();
    }
    assert_eq!(fleet.handle().snapshot()[0].state, TargetState::WarmingUp(6));
    a.does(Kind::Invalid);
    ask(&fleet).await.unwrap_err();
    assert_eq!(fleet.handle().snapshot()[0].state, TargetState::WarmingUp(6), "the request's own fault");
    a.does(Kind::Server);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(fleet.handle().snapshot()[0].state, TargetState::WarmingUp(1));
    assert_eq!(b.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_warms_up_takes_what_nobody_else_can() {
    let (a, b, fleet) = returning().await;
    a.does(Act::Hang);
    let b = b.unready();
    assert_eq!(share_of(&a, &fleet, 10), 10, "rather than wait");
    b.becomes_ready();
    b.does(Kind::Server);
    assert_eq!(share_of(&a, &fleet, 10), 10, "rather than fail");
}

#[tokio::test(start_paused = true)]
async fn a_target_whose_gate_opens_warms_up_and_so_does_one_that_is_resumed_or_added() {
    let (a, b) = (Scripted::always("a", Act::Hang), Scripted::always("b", Act::Hang));
    let shut = Arc::new(AtomicBool::new(true));
    let fleet = fleet([&a, &b]);
    let gate = shut.clone();
    let fleet = fleet.gate("a", move || !gate.load(SeqCst)).unwrap();
    let handle = fleet.handle();
    assert_eq!(share_of(&a, &fleet, 10), 0);
    shut.store(false, SeqCst);
    assert_eq!(share_of(&a, &fleet, 10), 1);
    handle.drain("a").unwrap();
    handle.resume("a").unwrap();
    assert_eq!(share_of(&a, &fleet, 10), 1);
    handle.remove("a").unwrap();
    fleet.add(Target::new("a", a.clone())).unwrap();
    handle.reorder(["a"]).unwrap();
    assert_eq!(share_of(&a, &fleet, 10), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_from_before_the_outage_neither_fill_nor_judge_a_target_that_warms_up() {
    let late = Act::FailAfter(secs(400), Kind::Server.into());
    let a = Scripted::serves("a").next(late).next(late).next(Kind::Quota);
    let b = Scripted::serves("b");
    let fleet = fleet([&a, &b]);
    let mut calls = [(); 2].map(|()| spawn(fleet.clone().oneshot(Ask::default())));
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    advance(secs(300)).await;
    for _ in 0..3 {
        assert_eq!(ask(&fleet).await.unwrap(), "a");
    }
    advance(secs(100)).await;
    for call in &mut calls {
        assert!(call.poll().is_ready());
    }
    // The first of the three was the probe.
    assert_eq!(fleet.handle().snapshot()[0].state, TargetState::WarmingUp(3));
    assert_eq!(fleet.handle().snapshot()[0].in_flight, 0);
}
