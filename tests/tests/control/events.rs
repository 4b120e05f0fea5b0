//! What is told of the past.

use std::time::Duration;

use buttress::control::{Event, Severity};
use buttress_breaker::BreakerLayer;
use buttress_sim::{Fault, Rule};
use buttress_tests::rig::{ROUTE, Rig};
use tokio::{task::yield_now, time::advance};

use super::{Policy, SECOND};

/// Where, what and why.
fn words(event: &Event) -> (Option<&str>, Option<&str>, &str, Option<&str>) {
    (event.route.as_deref(), event.target.as_deref(), &event.what, event.why.as_deref())
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_a_circuit_is_told_with_its_time_and_its_reason() {
    let rig = Rig::quick();
    rig.sims[0].inject(Rule::always(Fault::Refuse)).unwrap();
    rig.calls(5).await.unwrap();
    advance(10 * SECOND).await;
    let events = rig.control.status().events;
    let [opened] = &*events else { panic!("{events:?}") };
    let why = "5 failures in a row, the last: overloaded";
    assert_eq!(words(opened), (None, Some("a"), "circuit open for 60 s", Some(why)));
    assert_eq!((opened.count, opened.severity), (1, Severity::Trouble));
    assert!(opened.ago_seconds >= 10.0, "when it happened, not when somebody looked: {}", opened.ago_seconds);
    assert_eq!(rig.control.status().events.len(), 1, "each is told once");
}

#[tokio::test(start_paused = true)]
async fn an_operators_changes_are_told_with_what_they_change_it_to() {
    let rig = Rig::quick();
    let control = &rig.control;
    control.force_open("a").unwrap();
    control.reset("a").unwrap();
    control.drain("a").unwrap();
    control.resume("a").unwrap();
    control.reorder(ROUTE, ["b", "a"]).unwrap();
    control.set_weight(ROUTE, "a", 3).unwrap();
    control.set_tier(ROUTE, "b", 1).unwrap();
    control.set_breaker_policy("a", Policy::default()).unwrap();
    control.set_limit_policy("b", control.limit_policy("b").unwrap()).unwrap();
    let events = control.status().events;
    let told: Vec<_> = events.iter().rev().map(words).collect();
    let chat = Some(ROUTE);
    assert_eq!(
        told,
        [
            (None, Some("a"), "circuit forced open", None),
            (None, Some("a"), "circuit closed", Some("reset")),
            (chat, Some("a"), "drained: it takes no new calls", None),
            (chat, Some("a"), "resumed", None),
            (chat, None, "order changed, first: b, a", None),
            (chat, Some("a"), "weight is now 3", None),
            (chat, Some("b"), "tier is now 1", None),
            (None, Some("a"), "thresholds changed", None),
            (None, Some("b"), "quotas changed", None),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_recorder_misses_no_change_that_nobody_looked_at() {
    let rig = Rig::quick();
    let recorder = tokio::spawn(rig.control.recorder());
    yield_now().await;
    let added = BreakerLayer::default().handle();
    rig.control.target("late").breaker(added.clone());
    // Past the control, as the layers themselves do it.
    for _ in 0..3 {
        rig.stack.breakers[0].force_open();
        added.force_close();
        yield_now().await;
        rig.stack.breakers[0].reset();
        rig.stack.failover.drain("b").unwrap();
        added.reset();
        yield_now().await;
        rig.stack.failover.resume("b").unwrap();
        yield_now().await;
    }
    assert_eq!(rig.control.status().events.len(), 18);
    drop(rig);
    tokio::time::timeout(SECOND, recorder).await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_a_recorder_the_latest_change_of_each_layer_is_told() {
    let rig = Rig::quick();
    rig.stack.breakers[0].force_open();
    rig.stack.breakers[0].reset();
    let events = rig.control.status().events;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].what, "circuit closed");
}

#[tokio::test(start_paused = true)]
async fn events_are_bounded_and_the_oldest_go() {
    let rig = Rig::quick();
    rig.control.force_open("b").unwrap();
    for _ in 0..200 {
        rig.control.force_open("a").unwrap();
        rig.control.reset("a").unwrap();
    }
    let events = rig.control.status().events;
    assert_eq!(events.len(), 256);
    assert_eq!(words(&events[0]), (None, Some("a"), "circuit closed", Some("reset")));
    assert!(events.iter().all(|event| event.target.as_deref() == Some("a")));
}

#[tokio::test(start_paused = true)]
async fn cooling_and_recovery_are_told() {
    let rig = Rig::quick();
    let hint = Fault::RateLimit { retry_after: Some(Duration::from_secs(20)) };
    rig.sims[0].inject(Rule::always(hint).calls(0..1)).unwrap();
    rig.call().await.unwrap();
    let place = rig.control.status().routes[0].targets[0].clone();
    assert_eq!((place.state, place.can_serve), ("cooling", false));
    assert_eq!(place.reason.as_deref(), Some("rate_limited: left alone for 20 s more"));
    assert!(place.remaining_seconds.unwrap() > 19.0);
    advance(21 * SECOND).await;
    rig.call().await.unwrap();
    let events = rig.control.status().events;
    let told: Vec<_> = events.iter().rev().map(words).collect();
    assert_eq!(
        told,
        [
            (Some(ROUTE), Some("a"), "out of service for 20 s", Some("rate_limited")),
            (Some(ROUTE), Some("a"), "back in service", None),
        ]
    );
}
