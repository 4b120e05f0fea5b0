//! Readiness takes nothing, and an open circuit leaves its inner service alone.
#![cfg(not(buttress_loom))]

mod support;

use buttress_breaker::{BreakerLayer, Policy, State};
use buttress_call::{Kind, find};
use support::{SECOND, Step, Target, fail, policy, rejected, rig};
use tower::{Layer, Service, ServiceExt};

#[tokio::test(start_paused = true)]
async fn an_open_circuit_is_ready_at_once_without_polling_its_inner_service() {
    let rig = rig(policy());
    rig.trip().await;
    let (polls, calls) = (rig.target.polls(), rig.target.calls());
    for _ in 0..10 {
        assert!(rejected(&rig.send(Step::Answer).await));
    }
    assert_eq!((rig.target.polls(), rig.target.calls()), (polls, calls));
}

#[tokio::test(start_paused = true)]
async fn readied_clones_that_are_dropped_hold_nothing() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let mut readied = Vec::new();
    for _ in 0..10 {
        let mut clone = rig.service.clone();
        clone.ready().await.unwrap();
        readied.push(clone);
    }
    assert_eq!(rig.circuit.snapshot().probes, 0);
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
    drop(readied);
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_call_readied_while_open_is_rejected_even_if_the_circuit_would_let_it_through_by_now() {
    let rig = rig(policy());
    rig.trip().await;
    let mut service = rig.service.clone();
    service.ready().await.unwrap();
    tokio::time::advance(10 * SECOND).await;
    // The target panics if it is called without having been polled ready.
    let error = service.call(support::Request::new(Step::Answer)).await.unwrap_err();
    assert_eq!(find(&error).unwrap().retry_after(), Some(std::time::Duration::ZERO));
    service.ready().await.unwrap().call(support::Request::new(Step::Answer)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_readied_while_closed_is_rejected_once_it_is_open() {
    let rig = rig(policy());
    let mut service = rig.service.clone();
    service.ready().await.unwrap();
    rig.trip().await;
    let calls = rig.target.calls();
    assert!(rejected(&service.call(support::Request::new(Step::Answer)).await));
    assert_eq!(rig.target.calls(), calls);
    // The inner service is still the one that became ready.
    tokio::time::advance(10 * SECOND).await;
    service.call(support::Request::new(Step::Answer)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clone_of_a_readied_service_is_not_ready() {
    let rig = rig(policy());
    let mut original = rig.service.clone();
    original.ready().await.unwrap();
    let mut clone = original.clone();
    rig.trip().await;
    clone.ready().await.unwrap();
    tokio::time::advance(10 * SECOND).await;
    // The target would panic.
    assert!(rejected(&clone.call(support::Request::new(Step::Answer)).await));
    original.call(support::Request::new(Step::Answer)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_their_clones_and_the_layers_clones_share_one_circuit() {
    let layer = BreakerLayer::new(Policy { consecutive_failures: Some(4), ..policy() }).unwrap();
    let one = layer.layer(Target::default());
    let two = layer.layer(Target::default());
    let three = layer.clone().layer(Target::default());
    for service in [&one, &one.clone(), &two, &three] {
        assert_eq!(layer.handle().state(), State::Closed);
        let request = support::Request::new(fail(Kind::Server));
        service.clone().oneshot(request).await.unwrap_err();
    }
    assert!(layer.handle().is_open() && one.handle().is_open());
}
