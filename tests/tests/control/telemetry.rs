//! What telemetry adds.

use std::time::Duration;

use buttress::{
    control::Control,
    telemetry::{Change, Telemetry, What},
};
use buttress_breaker::BreakerLayer;
use buttress_failover::Failover;
use buttress_sim::Fault;
use buttress_tests::{
    fleet::{ask, broken, client, quick},
    journey::{Client, Journey, erase},
};
use tokio::task::yield_now;
use tower::Layer;

/// Target `a` refuses, `b` serves; telemetry sees both.
fn stack(telemetry: &Telemetry) -> (Client, Failover<Client>) {
    let targets = [("a", broken(quick("a"), Fault::Refuse)), ("b", quick("b"))];
    let targets = targets.map(|(name, sim)| (name, erase(telemetry.attempt(name).layer(client(&sim)))));
    let fleet = Failover::in_order(targets).unwrap();
    (erase(telemetry.call().layer(fleet.clone())), fleet)
}

#[tokio::test(start_paused = true)]
async fn its_figures_and_its_events_are_part_of_the_status() {
    let telemetry = Telemetry::default();
    let (client, fleet) = stack(&telemetry);
    let control = Control::new();
    control.route("chat").failover(fleet.handle());
    control.telemetry(telemetry.clone());
    for _ in 0..2 {
        Journey::new(client.clone(), ask("m")).run().await.unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    for _ in 0..2 {
        let reason = "by hand".to_owned();
        telemetry.changed(Change { name: "pool".into(), from: "small", to: "large", reason });
    }
    tokio::time::advance(Duration::from_secs(1)).await;
    control.drain("b").unwrap();
    let status = control.status();
    let seen = status.telemetry.as_ref().unwrap();
    assert_eq!((seen.calls.ok, seen.total.attempts.failovers), (2, 2));
    assert_eq!(&*seen.targets[0].name, "a");
    assert!(seen.events.is_empty(), "they stand among the others");
    let told: Vec<_> =
        status.events.iter().map(|event| (event.target.as_deref(), &*event.what, event.count)).collect();
    assert_eq!(
        told,
        [
            (Some("b"), "drained: it takes no new calls", 1),
            (Some("pool"), "small became large", 2),
            (Some("a"), "failed over to b", 2),
        ]
    );
    assert!(status.events[1].ago_seconds >= 1.0);
    assert_eq!(serde_json::to_value(&status).unwrap()["telemetry"]["calls"]["success_rate"], 1.0);
}

#[tokio::test(start_paused = true)]
async fn it_is_told_of_each_breakers_state_by_the_recorder() {
    let (telemetry, breaker) = (Telemetry::default(), BreakerLayer::default().handle());
    let control = Control::new();
    control.telemetry(telemetry.clone());
    control.target("a").breaker(breaker.clone());
    tokio::spawn(control.recorder());
    yield_now().await;
    assert!(telemetry.snapshot().events.is_empty(), "as it was from the start");
    breaker.force_open();
    // Whoever looks first, the other one is told too.
    assert_eq!(control.status().events.len(), 1);
    yield_now().await;
    breaker.reset();
    yield_now().await;
    let changes = |telemetry: &Telemetry| {
        let events = telemetry.snapshot().events.into_iter().rev();
        let changes = events.filter_map(|event| match event.what {
            What::Change(change) => Some((change.name.to_string(), change.from, change.to, change.reason)),
            _ => None,
        });
        changes.collect::<Vec<_>>()
    };
    let opened = ("a".to_owned(), "closed", "forced_open", "forced open".to_owned());
    let closed = ("a".to_owned(), "forced_open", "closed", "reset".to_owned());
    assert_eq!(changes(&telemetry), [opened, closed]);
    assert_eq!(control.status().events.len(), 2, "not told twice");

    // Made anew while it was open: the state that was told is no longer true.
    breaker.force_open();
    yield_now().await;
    control.target("a").breaker(BreakerLayer::default().handle());
    yield_now().await;
    let last = changes(&telemetry).pop().unwrap();
    assert_eq!(last, ("a".to_owned(), "forced_open", "closed", "start".to_owned()));
}

#[test]
fn it_outlives_a_reload_that_has_none() {
    let control = Control::new();
    control.telemetry(Telemetry::default());
    control.replace(&Control::new());
    assert!(control.status().telemetry.is_some());
}
