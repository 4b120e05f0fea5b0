//! Calls that are given up, across the composed stack.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "cancel/limits.rs"]
mod limits;
#[path = "cancel/storm.rs"]
mod storm;
#[path = "cancel/wires.rs"]
mod wires;

use std::{
    task::{Context, Waker},
    time::Duration,
};

use buttress_breaker::{BreakerHandle, BreakerLayer, OpenFor, Policy, Rate, Slow, SlowerThan, State};
use buttress_call::{BoxError, Call, Error, Kind, find};
use buttress_failover::Failover;
use buttress_provider::BufferLayer;
use buttress_sim::{Ending, Fault, Sim};
use buttress_tests::{
    fleet::{ask, broken, client, provider, quick},
    journey::{Client, Journey, erase},
    probe::Request,
};
use buttress_timeout::{TimeoutLayer, Timeouts};
use tokio::time::{Instant, advance, timeout};
use tower::{ServiceBuilder, timeout::TimeoutLayer as TowerTimeout};

const SECOND: Duration = Duration::from_secs(1);
/// Far longer than any caller here waits: the inner limit of the trap.
const INNER: Duration = Duration::from_secs(10);

fn total(limit: Duration) -> TimeoutLayer {
    TimeoutLayer::new(Timeouts { total: Some(limit), ..Timeouts::default() }).unwrap()
}

/// A breaker around a black hole that the layers inside would wait for ten seconds.
fn behind_a_breaker(policy: Policy) -> (Sim, Client, BreakerHandle) {
    let sim = broken(quick("a"), Fault::BlackHole);
    let breaker = BreakerLayer::new(policy).unwrap();
    let handle = breaker.handle();
    let inner = Timeouts { first_content: Some(INNER.into()), ..Timeouts::attempt() };
    let layers = ServiceBuilder::new().layer(breaker).layer(TimeoutLayer::new(inner).unwrap());
    let client = erase(layers.layer(provider()).service(sim.service()));
    (sim, client, handle)
}

async fn kind(client: &Client, request: Request) -> Option<Kind> {
    let error: BoxError = Journey::new(client.clone(), request).run().await.err()?;
    find(&error).map(Error::kind)
}

#[tokio::test(start_paused = true)]
async fn a_deadline_shorter_than_the_inner_limit_still_opens_the_breaker() {
    let (sim, client, breaker) = behind_a_breaker(Policy::default());
    let client = erase(ServiceBuilder::new().layer(total(SECOND)).service(client));
    let since = Instant::now();
    for _ in 0..5 {
        assert_eq!(kind(&client, ask("m")).await, Some(Kind::Timeout));
    }
    assert!(breaker.is_open());
    for _ in 0..95 {
        assert_eq!(kind(&client, ask("m")).await, Some(Kind::Rejected));
    }
    assert_eq!((sim.log().len(), sim.in_flight()), (5, 0));
    assert_eq!(since.elapsed(), 5 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn so_does_towers_own_timeout_if_the_call_says_its_deadline() {
    let (sim, client, breaker) = behind_a_breaker(Policy::default());
    let client = ServiceBuilder::new().layer(TowerTimeout::new(SECOND)).service(client);
    let client = erase(client);
    for _ in 0..100 {
        let mut request = ask("m");
        Call::get_or_insert(request.extensions_mut()).clamp_deadline(Instant::now() + SECOND);
        Journey::new(client.clone(), request).run().await.unwrap_err();
    }
    assert!(breaker.is_open());
    assert_eq!((sim.log().len(), sim.in_flight()), (5, 0));
}

#[tokio::test(start_paused = true)]
async fn a_time_out_that_tells_nobody_is_seen_by_a_slow_rate_alone() {
    let client_of = |client| erase(ServiceBuilder::new().layer(TowerTimeout::new(SECOND)).service(client));

    let (sim, client, breaker) = behind_a_breaker(Policy::default());
    let client = client_of(client);
    for _ in 0..100 {
        Journey::new(client.clone(), ask("m")).run().await.unwrap_err();
    }
    // The callers may have lost interest, for all that anybody can know.
    assert_eq!((breaker.state(), sim.log().len()), (State::Closed, 100));

    let slow = Slow { than: SlowerThan::Fixed(SECOND / 2), rate: Rate { share: 0.5, minimum: 10 } };
    let (sim, client, breaker) = behind_a_breaker(Policy { slow_rate: Some(slow), ..Policy::default() });
    let client = client_of(client);
    for _ in 0..100 {
        Journey::new(client.clone(), ask("m")).run().await.unwrap_err();
    }
    assert!(breaker.is_open());
    assert_eq!(sim.log().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn callers_who_lose_interest_say_nothing_of_the_provider() {
    let fleet = Fleet::new([quick("a"), quick("b")]);
    for call in 0..1_000 {
        // From before the first byte to after the last.
        let patience = Duration::from_micros(call * 12);
        let _ = timeout(patience, Journey::new(fleet.client.clone(), ask("m")).run()).await;
        assert_eq!(fleet.sims[0].in_flight(), 0, "a call given up after {patience:?} goes on");
    }
    assert!(fleet.breakers.iter().all(|breaker| breaker.state() == State::Closed));
    assert!(fleet.sims[1].log().is_empty(), "nobody needed the second target");
    let ends = |end| fleet.sims[0].log().iter().filter(|seen| seen.end == end).count();
    assert!(ends(Ending::Cancelled) > 500 && ends(Ending::Answered) > 100);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_on_its_second_target_gives_up_both() {
    let fleet = Fleet::new([broken(quick("a"), Fault::Refuse), broken(quick("b"), Fault::BlackHole)]);
    let mut journey = Journey::new(fleet.client.clone(), ask("m"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(journey.poll_to_end(&mut cx).is_pending());
    advance(SECOND / 10).await;
    assert!(journey.poll_to_end(&mut cx).is_pending());
    assert_eq!(fleet.sims.each_ref().map(Sim::in_flight), [0, 1]);
    drop(journey);
    assert_eq!(fleet.sims.each_ref().map(Sim::in_flight), [0, 0]);
}

#[tokio::test(start_paused = true)]
async fn black_holes_on_every_target_open_every_breaker_within_the_deadline() {
    let fleet = Fleet::new(["a", "b"].map(|name| broken(quick(name), Fault::BlackHole)));
    for _ in 0..20 {
        let since = Instant::now();
        assert!(kind(&fleet.client, ask("m")).await.is_some());
        assert!(since.elapsed() <= 3 * SECOND);
    }
    assert!(fleet.breakers.iter().all(BreakerHandle::is_open));
    // The first calls go to both targets, in turn; then nobody is asked.
    assert_eq!(fleet.sims.each_ref().map(|sim| sim.log().len()), [5, 5]);
}

/// Deadline of three seconds, two targets, two seconds to first content on each.
struct Fleet {
    sims: [Sim; 2],
    breakers: [BreakerHandle; 2],
    client: Client,
}

impl Fleet {
    fn new(sims: [Sim; 2]) -> Self {
        let policy = Policy { open: OpenFor::Fixed(60 * SECOND), ..Policy::default() };
        let breakers = [(); 2].map(|()| BreakerLayer::new(policy).unwrap());
        let handles = breakers.each_ref().map(BreakerLayer::handle);
        let attempt = Timeouts { first_content: Some((2 * SECOND).into()), ..Timeouts::attempt() };
        let targets = sims.iter().zip(breakers).map(|(sim, breaker)| {
            let layers = ServiceBuilder::new().layer(breaker).layer(TimeoutLayer::new(attempt).unwrap());
            (sim.name().to_owned(), layers.service(client(sim)))
        });
        let failover = Failover::in_order(targets).unwrap();
        let layers = ServiceBuilder::new().layer(total(3 * SECOND)).layer(BufferLayer::default());
        Fleet { client: erase(layers.service(failover)), sims, breakers: handles }
    }
}
