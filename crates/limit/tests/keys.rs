//! Limits of their own for each key.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::time::Duration;

use buttress_call::Http;
use buttress_limit::{ByKey, Estimate, Limit, LimitHandle, LimitLayer, Policy};
use support::{Job, Request, SECOND, Target, estimate, tokens};
use tokio::time::{Instant, advance};
use tower::{Layer, ServiceExt};

type Keyed = Limit<Target, Http, fn(&Request) -> Estimate, ByKey<fn(&Request) -> String>>;

fn tenant(request: &Request) -> String {
    format!("tenant {}", request.body().id)
}

fn keyed(max_keys: usize) -> (Keyed, LimitHandle) {
    let layer = LimitLayer::new(Policy { max_keys, ..tokens() }).unwrap();
    let layer = layer.cost(estimate as fn(&Request) -> Estimate).key(tenant as fn(&Request) -> String);
    (layer.layer(Target::default()), layer.handle())
}

async fn send(service: &Keyed, id: usize, input: u64) -> Duration {
    let start = Instant::now();
    service.clone().oneshot(Job::quick(input).id(id).into()).await.unwrap();
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn one_tenant_does_not_wait_for_another() {
    let (service, limits) = keyed(10);
    assert_eq!(send(&service, 1, 600).await, Duration::ZERO);
    assert_eq!(send(&service, 2, 600).await, Duration::ZERO);
    assert!(send(&service, 1, 10).await >= SECOND);
    let snapshot = limits.snapshot_key("tenant 1").unwrap();
    assert_eq!((snapshot.admitted, limits.keys()), (2, 2));
    assert_eq!(limits.snapshot_key("nobody"), None);
}

#[tokio::test(start_paused = true)]
async fn a_key_at_rest_makes_room_for_a_new_one() {
    let (service, limits) = keyed(2);
    send(&service, 1, 600).await;
    send(&service, 2, 100).await;
    // The second is full again after ten seconds, the first after a minute.
    advance(11 * SECOND).await;
    send(&service, 3, 600).await;
    assert_eq!(limits.keys(), 2);
    assert!(limits.snapshot_key("tenant 1").is_some() && limits.snapshot_key("tenant 2").is_none());
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_room_the_new_ones_share_one_set_of_limits_and_no_debt_is_forgotten() {
    let (service, limits) = keyed(2);
    send(&service, 1, 600).await;
    send(&service, 2, 600).await;
    assert_eq!(send(&service, 3, 600).await, Duration::ZERO);
    assert!(send(&service, 4, 10).await >= SECOND, "shares with the third");
    assert!(send(&service, 1, 100).await >= 8 * SECOND, "the first still owes");
    assert_eq!((limits.keys(), limits.snapshot().admitted), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_new_policy_is_every_keys() {
    let (service, limits) = keyed(2);
    send(&service, 1, 600).await;
    limits.set_policy(Policy { tokens: Some(6_000), ..tokens() }).unwrap();
    assert_eq!(limits.snapshot_key("tenant 1").unwrap().tokens.unwrap().level, 5_400.0);
    assert_eq!(send(&service, 2, 6_000).await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn room_is_looked_for_once_a_second_at_most() {
    let (service, limits) = keyed(1);
    let hung = tokio::spawn(service.clone().oneshot(Job::hang(1).id(1).into()));
    support::settle().await;
    // The first look, in vain.
    send(&service, 2, 1).await;
    hung.abort();
    support::settle().await;
    assert_eq!(limits.snapshot_key("tenant 1").unwrap().in_flight, 0);
    advance(999 * support::MS).await;
    send(&service, 3, 1).await;
    assert!(limits.snapshot_key("tenant 1").is_some());
    advance(support::MS).await;
    send(&service, 4, 1).await;
    assert!(limits.snapshot_key("tenant 4").is_some() && limits.snapshot_key("tenant 1").is_none());
}
