//! The operator's hand.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod support;

use buttress_breaker::{BreakerLayer, OpenFor, Policy, Rate, Reason, Slow, SlowerThan, State, Transition};
use buttress_call::{Kind, find};
use support::{MS, SECOND, Step, fail, policy, rejected, rig};
use tokio::sync::watch;
use tower::{Service, ServiceExt};

fn seen(changes: &mut watch::Receiver<Transition>) -> Option<(&'static str, &'static str, Reason)> {
    let is_new = changes.has_changed().unwrap();
    let change = *changes.borrow_and_update();
    is_new.then(|| (change.from.as_str(), change.to.as_str(), change.reason))
}

#[tokio::test(start_paused = true)]
async fn a_watcher_sees_each_change_with_its_reason() {
    let rig = rig(Policy { consecutive_failures: Some(1), probes: 1, ..policy() });
    let mut changes = rig.circuit.watch();
    assert_eq!(changes.borrow().reason, Reason::Start);
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(seen(&mut changes), None);

    rig.send(fail(Kind::Server)).await.unwrap_err();
    let reason = Reason::ConsecutiveFailures { failures: 1, kind: Kind::Server };
    assert_eq!(seen(&mut changes), Some(("closed", "open", reason)));

    tokio::time::advance(10 * SECOND).await;
    let probe = rig.spawn(Step::FailAfter(SECOND, Kind::Timeout)).await;
    assert_eq!(seen(&mut changes), Some(("open", "half_open", Reason::OpenTimeOver)));
    probe.await.unwrap().unwrap_err();
    assert_eq!(seen(&mut changes), Some(("half_open", "open", Reason::ProbeFailed(Kind::Timeout))));

    tokio::time::advance(10 * SECOND).await;
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(seen(&mut changes), Some(("half_open", "closed", Reason::ProbesSucceeded)));

    rig.circuit.force_open();
    assert_eq!(seen(&mut changes), Some(("closed", "forced_open", Reason::ForcedOpen)));
    rig.circuit.force_close();
    assert_eq!(seen(&mut changes), Some(("forced_open", "forced_closed", Reason::ForcedClosed)));
    rig.circuit.reset();
    assert_eq!(seen(&mut changes), Some(("forced_closed", "closed", Reason::Reset)));
    assert_eq!(changes.borrow().at, tokio::time::Instant::now());
    assert_eq!(rig.circuit.snapshot().opened, 2);
}

#[tokio::test(start_paused = true)]
async fn forced_open_it_refuses_until_somebody_says_otherwise() {
    let rig = rig(policy());
    rig.circuit.force_open();
    tokio::time::advance(1_000_000 * SECOND).await;
    let error = rig.send(Step::Answer).await.unwrap_err();
    assert_eq!(find(&error).unwrap().retry_after(), None);
    assert_eq!(error.to_string(), "circuit is held open by an operator");
    rig.circuit.reset();
    rig.send(Step::Answer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn forced_closed_it_counts_nothing() {
    let rig = rig(policy());
    rig.trip().await;
    rig.circuit.force_close();
    for _ in 0..10 {
        assert!(!rejected(&rig.send(fail(Kind::Server)).await));
    }
    assert_eq!(rig.circuit.state(), State::ForcedClosed);
    rig.circuit.reset();
    rig.trip().await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_calls_under_way_too() {
    let rig = rig(policy()).recovering().await;
    let probes =
        [rig.spawn(Step::FailAfter(SECOND, Kind::Server)).await, rig.spawn(Step::AnswerAfter(SECOND)).await];
    rig.circuit.reset();
    for probe in probes {
        let _ = probe.await.unwrap();
    }
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.consecutive_failures), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_reset_forgets_what_is_usual_and_what_was_counted() {
    let rate = Rate { share: 1.0, minimum: 10 };
    let slow = Slow { than: SlowerThan::Baseline(5.0), rate };
    let rig = rig(Policy {
        consecutive_failures: None,
        failure_rate: Some(rate),
        slow_rate: Some(slow),
        ..policy()
    });
    for _ in 0..10 {
        rig.send(Step::AnswerAfter(SECOND)).await.unwrap();
    }
    let before = rig.circuit.snapshot();
    assert_eq!((before.calls, before.baseline), (10, Some(SECOND)));
    rig.circuit.reset();
    let after = rig.circuit.snapshot();
    assert_eq!((after.calls, after.timed, after.baseline), (0, 0, None));
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_was_turned_off_opens_nothing() {
    let rate = Some(Rate { share: 0.1, minimum: 1 });
    let many = Policy { consecutive_failures: Some(100), ..policy() };
    let rig = rig(Policy { failure_rate: rate, ..many });
    rig.circuit.set_policy(many).unwrap();
    for _ in 0..50 {
        rig.send(fail(Kind::Server)).await.unwrap_err();
    }
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_call_readied_while_it_was_held_open_is_told_that_it_may_come_again() {
    let rig = rig(policy());
    rig.circuit.force_open();
    let mut service = rig.service.clone();
    service.ready().await.unwrap();
    rig.circuit.force_close();
    let error = service.call(support::Request::new(Step::Answer)).await.unwrap_err();
    assert_eq!(find(&error).unwrap().retry_after(), Some(std::time::Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_takes_effect_at_once_and_counts_anew() {
    let rig = rig(policy());
    rig.send(fail(Kind::Server)).await.unwrap_err();
    rig.send(fail(Kind::Server)).await.unwrap_err();
    let open = OpenFor::Fixed(500 * MS);
    rig.circuit.set_policy(Policy { open, probes: 1, ..policy() }).unwrap();
    assert_eq!(rig.circuit.snapshot().consecutive_failures, 0);
    rig.trip().await;
    tokio::time::advance(500 * MS).await;
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn more_probes_in_a_new_policy_are_there_at_once() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let _probe = rig.spawn(Step::Hang).await;
    assert!(rig.circuit.is_open());
    rig.circuit.set_policy(policy()).unwrap();
    assert!(!rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn fewer_probes_in_a_new_policy_hold_for_those_on_their_way_too() {
    let rig = rig(policy()).recovering().await;
    let _first = rig.spawn(Step::Hang).await;
    tokio::time::advance(5 * SECOND).await;
    let _second = rig.spawn(Step::Hang).await;
    rig.circuit.set_policy(Policy { probes: 1, ..policy() }).unwrap();
    tokio::time::advance(10 * SECOND).await;
    let error = rig.send(Step::Answer).await.unwrap_err();
    assert_eq!(find(&error).unwrap().retry_after(), Some(5 * SECOND), "the second still has its lease");
}

#[tokio::test(start_paused = true)]
async fn a_bad_policy_is_refused_and_the_old_one_stays() {
    let rig = rig(policy());
    let error = rig.circuit.set_policy(Policy { probes: 0, ..policy() }).unwrap_err();
    assert_eq!(error.to_string(), "breaker policy: probes = 0: must be at least 1");
    assert_eq!(rig.circuit.policy().probes, 2);
}

#[test]
fn a_circuit_can_be_made_outside_a_runtime_and_has_a_name() {
    let layer = BreakerLayer::default().name("openai");
    assert_eq!(layer.handle().name().as_deref(), Some("openai"));
    layer.handle().force_open();
    assert!(layer.handle().is_open());
}
