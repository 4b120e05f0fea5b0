//! What changes when two layers change places. Each test is a claim.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "ordering/hedges.rs"]
mod hedges;
#[path = "ordering/limits.rs"]
mod limits;
#[path = "ordering/page.rs"]
mod page;
#[path = "ordering/recovery.rs"]
mod recovery;
#[path = "ordering/retries.rs"]
mod retries;
#[path = "ordering/telemetry.rs"]
mod telemetry;

use std::time::Duration;

use buttress_breaker::{BreakerHandle, BreakerLayer, OpenFor, Policy, State};
use buttress_call::{BoxError, Error, Kind, find};
use buttress_failover::Failover;
use buttress_provider::BufferLayer;
use buttress_sim::{Ending, Fault, Rule, Sim};
use buttress_tests::{
    fleet::{ask, broken, client, model, provider, quick, sim},
    journey::{Client, Journey, erase},
};
use buttress_timeout::{TimeoutLayer, Timeouts};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::time::{Instant, interval};
use tower::{Layer, ServiceExt};

const SECOND: Duration = Duration::from_secs(1);

fn in_order(targets: [Client; 2]) -> Failover<Client> {
    Failover::in_order(["a", "b"].into_iter().zip(targets)).unwrap()
}

async fn call(client: &Client) -> Result<(), BoxError> {
    Journey::new(client.clone(), ask("m")).run().await
}

fn kind(error: &BoxError) -> Option<Kind> {
    find(error).map(Error::kind)
}

#[tokio::test(start_paused = true)]
async fn a_breaker_inside_of_failover_takes_one_provider_out() {
    let [a, b] = [broken(quick("a"), Fault::Refuse), quick("b")];
    let breakers = [(); 2].map(|()| BreakerLayer::default());
    let [first, second] = &breakers;
    let stack = erase(in_order([erase(first.layer(client(&a))), erase(second.layer(client(&b)))]));
    for _ in 0..20 {
        call(&stack).await.unwrap();
    }
    assert_eq!((a.log().len(), b.log().len()), (5, 20));
}

#[tokio::test(start_paused = true)]
async fn a_breaker_outside_of_failover_never_sees_the_provider_that_fails() {
    let [a, b] = [broken(quick("a"), Fault::Refuse), quick("b")];
    let breaker = BreakerLayer::default();
    let stack = erase(breaker.layer(in_order([client(&a), client(&b)])));
    for _ in 0..20 {
        call(&stack).await.unwrap();
    }
    assert_eq!(breaker.handle().state(), State::Closed);
    assert_eq!((a.log().len(), b.log().len()), (20, 20));
}

#[tokio::test(start_paused = true)]
async fn a_total_inside_of_failover_is_spent_once_for_each_target() {
    let holes = ["a", "b"].map(|name| broken(quick(name), Fault::BlackHole));
    let total = || TimeoutLayer::new(Timeouts { total: Some(3 * SECOND), ..Timeouts::default() }).unwrap();

    let outside = erase(total().layer(in_order(holes.each_ref().map(client))));
    let since = Instant::now();
    call(&outside).await.unwrap_err();
    assert_eq!(since.elapsed(), 3 * SECOND);

    let inside = erase(in_order(holes.each_ref().map(|sim| erase(total().layer(client(sim))))));
    let since = Instant::now();
    call(&inside).await.unwrap_err();
    assert_eq!(since.elapsed(), 6 * SECOND);
}

fn first_content(limit: Duration) -> TimeoutLayer {
    let timeouts = Timeouts { first_content: Some(limit.into()), total: None, ..Timeouts::default() };
    TimeoutLayer::new(timeouts).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_first_content_limit_is_not_fed_by_pings_on_either_side_of_the_provider_layer() {
    let sim = broken(quick("a"), Fault::EndlessPrelude);
    let limit = || first_content(2 * SECOND);
    let outside = erase(limit().layer(client(&sim)));
    // What the provider layer makes of the bytes, the layer inside of it reads from the attempt's clock.
    let inside = erase(provider().layer(limit().layer(sim.service())));
    for stack in [outside, inside] {
        let since = Instant::now();
        let error = call(&stack).await.unwrap_err();
        assert_eq!((kind(&error), since.elapsed()), (Some(Kind::Timeout), 2 * SECOND));
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_content_limit_outside_of_the_breaker_is_no_evidence_for_it() {
    let sims = ["a", "b"].map(|name| broken(quick(name), Fault::EndlessPrelude));
    let [inside, outside] = [(); 2].map(|()| BreakerLayer::default());
    let first = erase(inside.layer(first_content(2 * SECOND).layer(client(&sims[0]))));
    let second = erase(first_content(2 * SECOND).layer(outside.layer(client(&sims[1]))));
    for _ in 0..20 {
        call(&first).await.unwrap_err();
        call(&second).await.unwrap_err();
    }
    // A call dropped without a deadline is one whose caller walked away.
    assert_eq!((inside.handle().is_open(), sims[0].log().len()), (true, 5));
    assert_eq!((outside.handle().state(), sims[1].log().len()), (State::Closed, 20));
}

#[tokio::test(start_paused = true)]
async fn a_buffer_outside_of_failover_gives_every_target_the_whole_body() {
    let [a, b] = [broken(quick("a"), Fault::Refuse), quick("b")];
    let stack = BufferLayer::default().layer(in_order([client(&a), client(&b)]));
    // A body that can be read once.
    let text = r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"Once upon a time"}]}"#;
    let frames = text.as_bytes().chunks(7).map(|chunk| Ok::<_, BoxError>(Frame::data(Bytes::from(chunk))));
    let request = http::Request::post("/").header("content-type", "application/json");
    let response = stack.oneshot(request.body(StreamBody::new(stream::iter(frames))).unwrap()).await.unwrap();
    assert!(response.status().is_success());
    assert_eq!(b.log()[0].input_tokens, 4);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_outside_of_failover_lets_it_remember_a_missing_model() {
    let fleet = || [sim("a", model().names(["other"])), quick("b")];
    for (outside, asked) in [(true, 1), (false, 20)] {
        let [a, b] = fleet();
        let stack = if outside {
            erase(BufferLayer::default().layer(in_order([client(&a), client(&b)])))
        } else {
            // Each target learns the model for itself; the failover in front of them does not.
            let buffered = |sim: &Sim| erase(BufferLayer::default().layer(client(sim)));
            erase(in_order([buffered(&a), buffered(&b)]))
        };
        for _ in 0..20 {
            call(&stack).await.unwrap();
        }
        assert_eq!((a.log().len(), b.log().len()), (asked, 20), "buffer outside: {outside}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_recovers_is_asked_again_within_one_open_time() {
    const OPEN: Duration = Duration::from_millis(500);
    const EVERY: Duration = Duration::from_millis(50);
    // Whatever the phase in which the outage ends.
    for outage in (3_000..3_600).step_by(37).map(Duration::from_millis) {
        let [a, b] = [quick("a"), quick("b")];
        let recovery = SECOND + outage;
        a.inject(Rule::always(Fault::Refuse).between(SECOND, recovery)).unwrap();
        let stack = guarded([&a, &b], OPEN);
        let mut ticks = interval(EVERY);
        let since = Instant::now();
        while since.elapsed() < recovery + SECOND {
            ticks.tick().await;
            call(&stack).await.unwrap();
        }
        let back = a.log().into_iter().find(|seen| seen.at >= recovery && seen.end == Ending::Answered);
        let took = back.unwrap().at.saturating_sub(recovery);
        assert!(took <= OPEN + EVERY, "{took:?} after an outage of {outage:?}");
        // And it was left alone meanwhile: five failures, then one probe for each open time.
        let failed = a.log().iter().filter(|seen| seen.end == Ending::Faulted).count();
        assert!(failed <= 5 + (outage.as_millis() / OPEN.as_millis()) as usize, "{failed} calls");
    }
}

/// Each target behind a breaker of its own, which the failover looks at before it calls.
fn guarded(sims: [&Sim; 2], open: Duration) -> Client {
    let policy = Policy { open: OpenFor::Fixed(open), probes: 1, ..Policy::default() };
    let breakers = [(); 2].map(|()| BreakerLayer::new(policy).unwrap());
    let handles: [BreakerHandle; 2] = breakers.each_ref().map(BreakerLayer::handle);
    let [a, b] = sims.map(client);
    let [first, second] = breakers;
    let mut failover = in_order([erase(first.layer(a)), erase(second.layer(b))]);
    for (name, handle) in ["a", "b"].into_iter().zip(handles) {
        failover = failover.gate(name, move || !handle.is_open()).unwrap();
    }
    erase(BufferLayer::default().layer(failover))
}
