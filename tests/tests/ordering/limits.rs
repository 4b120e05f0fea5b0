//! The limiter among the other layers.

use std::time::Duration;

use buttress_breaker::{BreakerLayer, Policy as BreakerPolicy};
use buttress_call::Kind;
use buttress_hedge::{HedgeHandle, HedgeLayer, Policy as HedgePolicy};
use buttress_limit::{Level, LimitHandle, LimitLayer, Policy, Window};
use buttress_retry::RetryLayer;
use buttress_sim::{Fault, Latency, Rule, Sim};
use buttress_tests::{
    fleet::{ask, broken, client, model, provider, quick, sim},
    journey::{Client, Journey, erase},
    stack::{Numbers, Stack},
    subject::Hook,
};
use futures_util::future::join_all;
use tokio::time::{Instant, advance, timeout};
use tower::{Layer, ServiceBuilder};

use super::{SECOND, call, first_content, in_order, kind};

const DELAY: Duration = Duration::from_millis(100);

/// Exact: what is charged stays charged for a minute.
fn limit(in_flight: usize) -> Policy {
    Policy {
        window: Window::Sliding,
        in_flight: Some(in_flight),
        default_output: 100,
        ramp_up: Duration::ZERO,
        ..Policy::per_minute(60, 10_000)
    }
}

/// A budget of one hedge.
fn one_hedge() -> HedgePolicy {
    HedgePolicy { budget: 1e-6, burst: 1.0, ..HedgePolicy::after(DELAY) }
}

fn slow_once(name: &str) -> Sim {
    let sim = quick(name);
    sim.inject(Rule::always(Fault::SlowFirstToken(SECOND)).calls(0..1)).unwrap();
    sim
}

/// Tokens charged, tokens held, requests charged and calls in flight.
fn used(limit: &LimitHandle) -> (u64, u64, u64, usize) {
    let snapshot = limit.snapshot();
    let charged = |level: Level| (level.capacity as f64 - level.level).round() as u64;
    let (tokens, requests) = (snapshot.tokens.unwrap(), snapshot.requests.unwrap());
    (charged(tokens), tokens.held, charged(requests), snapshot.in_flight)
}

#[tokio::test(start_paused = true)]
async fn both_tries_of_a_hedge_are_charged_to_their_targets_limits_once() {
    let [a, b] = [broken(quick("a"), Fault::BlackHole), quick("b")];
    let numbers = Numbers { hedge: one_hedge(), limit: limit(1), ..Numbers::default() };
    let stack = Stack::new(&numbers, &provider(), &Hook::default(), [a.service(), b.service()]);
    let mut journey = Box::pin(Journey::new(stack.client(), ask("m")).run());
    timeout(DELAY + Duration::from_millis(2), &mut journey).await.unwrap_err();
    // Four tokens of prompt and a hundred that may come.
    assert_eq!(stack.limits.each_ref().map(used), [(0, 104, 1, 1), (0, 104, 1, 1)]);
    journey.await.unwrap();
    // The loser has cost its prompt; the winner four tokens more.
    assert_eq!(stack.limits.each_ref().map(used), [(4, 0, 1, 0), (8, 0, 1, 0)]);
    assert_eq!(stack.limits.each_ref().map(|limit| limit.snapshot().admitted), [1, 1]);
    assert_eq!((stack.held(), stack.hedge.snapshot().won), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_to_the_same_target_is_charged_like_a_call_of_its_own() {
    let sim = slow_once("a");
    let (stack, hedge, limit) = hedged(&sim, limit(2));
    call(&stack).await.unwrap();
    assert_eq!(used(&limit), (12, 0, 2, 0));
    assert_eq!((limit.snapshot().admitted, hedge.snapshot().won), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_a_full_limiter_refuses_is_dropped_at_once_and_costs_no_budget() {
    let sim = slow_once("a");
    let (stack, hedge, limits) = hedged(&sim, limit(1));
    let since = Instant::now();
    let mut journey = Box::pin(Journey::new(stack.clone(), ask("m")).run());
    timeout(2 * DELAY, &mut journey).await.unwrap_err();
    assert_eq!((limits.snapshot().refused, limits.snapshot().waiting), (1, 0));
    journey.await.unwrap();
    assert_eq!((since.elapsed(), sim.log().len()), (SECOND + Duration::from_millis(9), 1));
    let snapshot = hedge.snapshot();
    assert_eq!((snapshot.sent, snapshot.refused, snapshot.throttled), (0, 1, 0));

    // With room for it, the next call has the hedge that was not spent.
    limits.set_policy(limit(2)).unwrap();
    sim.inject(Rule::always(Fault::SlowFirstToken(SECOND)).calls(0..1)).unwrap();
    call(&stack).await.unwrap();
    assert_eq!((hedge.snapshot().won, sim.log().len()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_that_every_targets_limiter_refuses_is_dropped_too() {
    let [a, b] = [slow_once("a"), quick("b")];
    let limit = Policy { max_waiting: 0, ..limit(1) };
    let numbers = Numbers { hedge: one_hedge(), limit, ..Numbers::default() };
    let stack = Stack::new(&numbers, &provider(), &Hook::default(), [a.service(), b.service()]);
    // The first waits for its content, the second has taken the other target's only place.
    b.inject(Rule::always(Fault::SlowFirstToken(SECOND))).unwrap();
    let calls = [stack.client(), stack.client()].map(|client| Journey::new(client, ask("m")).run());
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    let snapshot = stack.hedge.snapshot();
    assert_eq!((snapshot.sent, snapshot.refused, snapshot.throttled), (0, 2, 0));
    assert_eq!((a.log().len(), b.log().len(), stack.held()), (1, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_in_a_limiters_queue_is_not_hedged() {
    // Content comes soon, and the answer takes a second.
    let busy = || sim("a", model().per_token(Latency::Fixed(SECOND / 4)));
    let limit = Policy { max_waiting: 10, ..limit(1) };
    let numbers = Numbers { hedge: one_hedge(), limit, ..Numbers::default() };
    let [a, b] = [busy(), busy()];
    let stack = Stack::new(&numbers, &provider(), &Hook::default(), [a.service(), b.service()]);
    let calls = [stack.client(), stack.client()].map(|client| Journey::new(client, ask("m")).run());
    assert!(join_all(calls).await.iter().all(Result::is_ok));
    // It waits for its turn, not for the provider.
    let snapshot = stack.hedge.snapshot();
    assert_eq!((snapshot.sent, snapshot.refused, a.log().len(), b.log().len()), (0, 0, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_first_content_limit_outside_of_a_limiter_leaves_its_queue_out() {
    let sim = sim("a", model().per_token(Latency::Fixed(SECOND / 4)));
    let layers = ServiceBuilder::new().layer(first_content(DELAY)).layer(LimitLayer::new(limit(1)).unwrap());
    let stack = erase(layers.service(client(&sim)));
    let calls = [(); 2].map(|()| Journey::new(stack.clone(), ask("m")).run());
    let ends = join_all(calls).await;
    assert!(ends.iter().all(Result::is_ok), "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_in_front_of_an_open_breaker_empties_at_once() {
    const CALLS: u32 = 10;
    for outside in [true, false] {
        let sim = broken(quick("a"), Fault::BlackHole);
        let first = BreakerPolicy { consecutive_failures: Some(1), ..BreakerPolicy::default() };
        let breaker = BreakerLayer::new(first).unwrap();
        let limiter = LimitLayer::new(limit(1)).unwrap();
        let limits = limiter.handle();
        let attempt = first_content(2 * SECOND).layer(client(&sim));
        let stack = if outside {
            erase(limiter.layer(breaker.layer(attempt)))
        } else {
            erase(breaker.layer(limiter.layer(attempt)))
        };
        let since = Instant::now();
        let ends = join_all((0..CALLS).map(|_| Journey::new(stack.clone(), ask("m")).run())).await;
        let refused = ends.iter().filter(|end| end.as_ref().err().and_then(kind) == Some(Kind::Rejected));
        // Who waits outside of the breaker hears of it; who waits inside has passed it already.
        let (asked, rejected) = if outside { (1, CALLS - 1) } else { (CALLS, 0) };
        assert_eq!((sim.log().len(), refused.count()), (asked as usize, rejected as usize));
        assert_eq!(since.elapsed(), asked * 2 * SECOND);
        // What was refused by the breaker has cost nothing: a prompt for each call that was sent.
        advance(SECOND).await;
        assert_eq!(used(&limits), (4 * u64::from(asked), 0, u64::from(asked), 0), "outside: {outside}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limiter_outside_of_the_retries_does_not_count_them() {
    for (outside, admitted) in [(true, 1), (false, 3)] {
        let sim = broken(quick("a"), Fault::Status(500));
        let limiter = LimitLayer::new(limit(1)).unwrap();
        let limits = limiter.handle();
        let stack = if outside {
            erase(limiter.layer(RetryLayer::default().layer(client(&sim))))
        } else {
            erase(RetryLayer::default().layer(limiter.layer(client(&sim))))
        };
        call(&stack).await.unwrap_err();
        assert_eq!((limits.snapshot().admitted, sim.log().len()), (admitted, 3), "outside: {outside}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limiter_inside_of_failover_sends_what_it_has_no_room_for_elsewhere() {
    let [a, b] = [quick("a"), quick("b")];
    let limiter = || LimitLayer::new(Policy { max_waiting: 0, ..limit(1) }).unwrap();
    let stack = erase(in_order([&a, &b].map(|sim| erase(limiter().layer(client(sim))))));
    let ends = join_all((0..3).map(|_| Journey::new(stack.clone(), ask("m")).run())).await;
    assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 2);
    assert_eq!((a.log().len(), b.log().len()), (1, 1));
}

/// One provider: a hedge, a limiter, and the provider layer.
fn hedged(sim: &Sim, limit: Policy) -> (Client, HedgeHandle, LimitHandle) {
    let hedge = HedgeLayer::new(one_hedge()).unwrap();
    let limiter = LimitLayer::new(limit).unwrap();
    let handles = (hedge.handle(), limiter.handle());
    let stack = ServiceBuilder::new().layer(hedge).layer(limiter).service(client(sim));
    (erase(stack), handles.0, handles.1)
}
