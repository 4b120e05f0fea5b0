//! What readiness takes, and who is called.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use buttress_call::{ByError, Kind, find};
use buttress_limit::{Estimate, LimitLayer, Policy};
use support::{Job, MS, Request, SECOND, Step, estimate, requests, rig, settle, tokens};
use tokio::time::{Instant, timeout};
use tower::{Layer, Service, ServiceExt, limit::ConcurrencyLimit, service_fn};

#[tokio::test(start_paused = true)]
async fn a_clone_that_is_readied_and_dropped_has_taken_nothing() {
    let rig = rig(Policy { in_flight: Some(3), ..requests() });
    let mut idle = Vec::new();
    for _ in 0..100 {
        let mut clone = rig.service.clone();
        clone.ready().await.unwrap();
        idle.push(clone);
    }
    for _ in 0..60 {
        let start = Instant::now();
        rig.send(Job::quick(1)).await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_passes_at_once_goes_to_the_instance_that_was_readied() {
    let rig = rig(tokens());
    rig.send(Job::quick(1)).await.unwrap();
    assert_eq!(rig.target.seen.polls.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_parks_no_ready_instance() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let mut service = rig.service.clone();
    let call = tokio::spawn(service.ready().await.unwrap().call(Job::quick(10).into()));
    settle().await;
    assert_eq!(rig.target.seen.parked.load(SeqCst), 0, "with the caller's service still alive");
    call.await.unwrap().unwrap();
    assert_eq!(rig.target.seen.parked.load(SeqCst), 0);
    drop(service);
}

#[tokio::test(start_paused = true)]
async fn a_sibling_of_a_waiting_call_gets_the_only_slot() {
    let slot = ConcurrencyLimit::new(service_fn(|_: u64| async { Ok::<_, std::io::Error>(()) }), 1);
    let layer = LimitLayer::new(tokens()).unwrap().classify(ByError);
    let mut limited = layer.cost(|input: &u64| Estimate::new(*input).with_max_output(0)).layer(slot.clone());
    limited.ready().await.unwrap().call(600).await.unwrap();
    let waiting = tokio::spawn(limited.ready().await.unwrap().call(400));
    settle().await;
    let mut sibling = slot.clone();
    let free = timeout(MS, async { sibling.ready().await.unwrap().call(0).await.unwrap() }).await;
    assert!(free.is_ok(), "the slot was parked for the 40 s of the wait");
    drop(sibling);
    waiting.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_without_readiness_is_made_ready_in_its_future() {
    let rig = rig(tokens());
    let mut service = rig.service.clone();
    service.call(Request::from(Job::quick(1))).await.unwrap();
    // One readiness, one call; the next has none of its own.
    service.ready().await.unwrap();
    let calls = (service.call(Job::quick(1).into()), service.call(Job::quick(1).into()));
    calls.0.await.unwrap();
    calls.1.await.unwrap();
    assert_eq!(rig.target.calls().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn while_the_inner_service_becomes_ready_the_hold_is_kept_and_nobody_overtakes() {
    let slot = ConcurrencyLimit::new(
        service_fn(|_: u64| async {
            tokio::time::sleep(30 * SECOND).await;
            Ok::<_, std::io::Error>(())
        }),
        1,
    );
    let layer = LimitLayer::new(tokens()).unwrap().classify(ByError);
    let limits = layer.handle();
    let limited = layer.cost(|input: &u64| Estimate::new(*input).with_max_output(0)).layer(slot);
    let mut first = limited.clone();
    let first = tokio::spawn(first.ready().await.unwrap().call(600));
    settle().await;
    let mut clone = limited.clone();
    let second = tokio::spawn(clone.call(100));
    tokio::time::sleep(15 * SECOND).await;
    // Its turn came after ten seconds, the slot comes after thirty.
    assert_eq!(limits.snapshot().in_flight, 2);
    assert_eq!(limits.snapshot().waiting, 0);
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!((limits.snapshot().in_flight, limits.snapshot().tokens.unwrap().held), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_fails_to_become_ready_gives_all_back() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let waiting = rig.spawn(Job::quick(100)).await;
    rig.target.seen.broken.store(true, SeqCst);
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(find(&error).unwrap().kind(), Kind::Connect);
    assert_eq!((rig.held(), rig.level(), rig.limits.snapshot().in_flight), (0, 100, 0));
}

#[tokio::test(start_paused = true)]
async fn services_of_one_layer_share_its_limits() {
    let layer = LimitLayer::new(tokens()).unwrap().cost(estimate);
    let limits = layer.handle();
    let target = support::Target::default();
    let mut one = layer.clone().layer(target.clone());
    let mut other = layer.layer(target.clone());
    one.ready().await.unwrap().call(Job::quick(600).into()).await.unwrap();
    let start = Instant::now();
    other.ready().await.unwrap().call(Job::quick(10).into()).await.unwrap();
    assert!(start.elapsed() >= SECOND);
    assert_eq!(limits.snapshot().admitted, 2);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_free_again_when_a_stream_is_cancelled() {
    let rig = rig(Policy { in_flight: Some(1), ..Policy::default() });
    for _ in 0..20 {
        let response = rig.send(Job::new(1, Step::Stream(MS))).await.unwrap();
        drop((response, rig.target.ender()));
    }
    assert_eq!(rig.limits.snapshot().in_flight, 0);
}
