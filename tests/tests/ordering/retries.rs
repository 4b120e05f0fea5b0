//! The retries among the other layers.

use std::time::Duration;

use buttress_breaker::{BreakerLayer, Policy as BreakerPolicy, State};
use buttress_call::Kind;
use buttress_retry::RetryLayer;
use buttress_sim::{Ending, Fault, Rule, Sim};
use buttress_tests::{
    fleet::{broken, client, provider, quick},
    journey::{Client, erase},
    stack::{Numbers, Stack},
    subject::Hook,
};
use tokio::time::Instant;
use tower::{Layer, ServiceBuilder};

use super::{SECOND, call, in_order, kind};

/// What a good call takes.
const QUICK: Duration = Duration::from_millis(9);

fn stack(sims: [&Sim; 2]) -> Stack {
    Stack::new(&Numbers::default(), &provider(), &Hook::default(), sims.map(Sim::service))
}

fn asked(sims: [&Sim; 2]) -> [usize; 2] {
    sims.map(|sim| sim.log().len())
}

#[tokio::test(start_paused = true)]
async fn inside_of_failover_they_leave_what_needs_time_to_the_next_target_at_once() {
    let hinted = Fault::RateLimit { retry_after: Some(SECOND) };
    let faults = [hinted, Fault::RateLimit { retry_after: None }, Fault::Refuse, Fault::Status(529)];
    for fault in faults {
        let [a, b] = [broken(quick("a"), fault), quick("b")];
        let since = Instant::now();
        call(&stack([&a, &b]).client()).await.unwrap();
        assert_eq!((since.elapsed(), asked([&a, &b])), (QUICK, [1, 1]));
    }
}

#[tokio::test(start_paused = true)]
async fn inside_of_failover_they_try_a_stumble_once_more() {
    let [a, b] = [quick("a"), quick("b")];
    a.inject(Rule::always(Fault::Status(500)).calls(0..1)).unwrap();
    call(&stack([&a, &b]).client()).await.unwrap();
    assert_eq!(asked([&a, &b]), [2, 0]);

    let [a, b] = [broken(quick("a"), Fault::Status(500)), quick("b")];
    call(&stack([&a, &b]).client()).await.unwrap();
    assert_eq!(asked([&a, &b]), [2, 1]);
}

#[tokio::test(start_paused = true)]
async fn on_the_last_target_they_wait_for_the_hint() {
    let [a, b] = [broken(quick("a"), Fault::Refuse), quick("b")];
    let hinted = Fault::RateLimit { retry_after: Some(2 * SECOND) };
    b.inject(Rule::always(hinted).calls(0..1)).unwrap();
    let since = Instant::now();
    call(&stack([&a, &b]).client()).await.unwrap();
    assert_eq!(asked([&a, &b]), [1, 2]);
    assert!(since.elapsed() >= 2 * SECOND, "{:?}", since.elapsed());
}

#[tokio::test(start_paused = true)]
async fn outside_of_failover_they_repeat_the_whole_tour() {
    let faults = || ["a", "b"].map(|name| broken(quick(name), Fault::Status(500)));
    let sims = faults();
    let outside = RetryLayer::default().layer(in_order(sims.each_ref().map(client)));
    call(&erase(outside)).await.unwrap_err();
    assert_eq!(asked(sims.each_ref()), [3, 3]);

    let sims = faults();
    let retried = |sim| erase(RetryLayer::default().layer(client(sim)));
    call(&erase(in_order(sims.each_ref().map(retried)))).await.unwrap_err();
    assert_eq!(asked(sims.each_ref()), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_inside_of_them_ends_them_without_a_pause() {
    let open_at = |failures| {
        let policy = BreakerPolicy { consecutive_failures: Some(failures), ..BreakerPolicy::default() };
        BreakerLayer::new(policy).unwrap()
    };
    for fault in [Fault::Status(500), Fault::Refuse] {
        let sim = broken(quick("a"), fault);
        let layers = ServiceBuilder::new().layer(RetryLayer::default()).layer(open_at(1));
        let stack: Client = erase(layers.service(client(&sim)));
        let since = Instant::now();
        let upstream = call(&stack).await.unwrap_err();
        // What the caller hears is the provider's word, not the breaker's.
        assert_ne!(kind(&upstream), Some(Kind::Rejected));
        assert_eq!((since.elapsed(), sim.log().len()), (Duration::ZERO, 1));
        let refused = call(&stack).await.unwrap_err();
        assert_eq!((kind(&refused), since.elapsed()), (Some(Kind::Rejected), Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn a_breaker_outside_of_them_sees_one_failure_where_there_were_three() {
    let sim = broken(quick("a"), Fault::Status(500));
    let breaker = BreakerLayer::default();
    let stack = erase(breaker.layer(RetryLayer::default().layer(client(&sim))));
    for _ in 0..4 {
        call(&stack).await.unwrap_err();
    }
    assert_eq!((breaker.handle().state(), sim.log().len()), (State::Closed, 12));
    call(&stack).await.unwrap_err();
    assert!(breaker.handle().is_open());
}

#[tokio::test(start_paused = true)]
async fn inside_of_the_whole_stack_an_outage_costs_a_target_few_calls() {
    let [a, b] = [broken(quick("a"), Fault::Status(500)), quick("b")];
    let stack = stack([&a, &b]);
    for _ in 0..20 {
        call(&stack.client()).await.unwrap();
    }
    // Two for each call until the breaker opens, at the fifth.
    assert_eq!(asked([&a, &b]), [5, 20]);
    assert!(b.log().iter().all(|seen| seen.end == Ending::Answered));
    assert_eq!(stack.held(), 0);
}
