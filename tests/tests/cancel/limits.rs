//! What a call holds of limits while it is under way, and what is left of it when it is given up.

use std::time::Duration;

use buttress_call::{ByError, Call, with_call};
use buttress_hedge::Policy as HedgePolicy;
use buttress_limit::{Estimate, LimitLayer, Policy};
use buttress_sim::{Fault, Sim};
use buttress_tests::{
    fleet::{ask, broken, provider, quick},
    journey::Journey,
    probe::{Act, Ask, Head, Target, TypedProbe},
    stack::{Numbers, Stack},
    subject::Hook,
};
use tokio::time::timeout;
use tower::{Layer, ServiceExt};

use super::SECOND;

const DELAY: Duration = Duration::from_millis(100);

fn stack(sims: &[Sim; 2]) -> Stack {
    let numbers = Numbers { hedge: HedgePolicy::after(DELAY), ..Numbers::default() };
    Stack::new(&numbers, &provider(), &Hook::default(), sims.each_ref().map(Sim::service))
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_is_hedged_gives_up_both_tries() {
    let sims = ["a", "b"].map(|name| broken(quick(name), Fault::BlackHole));
    let stack = stack(&sims);
    let mut journey = Box::pin(Journey::new(stack.client(), ask("m")).run());
    timeout(2 * DELAY, &mut journey).await.unwrap_err();
    assert_eq!(sims.each_ref().map(Sim::in_flight), [1, 1]);
    assert_eq!(stack.limits.each_ref().map(|limit| limit.snapshot().in_flight), [1, 1]);
    drop(journey);
    assert_eq!(sims.each_ref().map(Sim::in_flight), [0, 0]);
    assert_eq!((stack.held(), stack.hedge.snapshot().sent), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_pauses_before_a_retry_holds_nothing_of_the_limits() {
    let sims = ["a", "b"].map(|name| broken(quick(name), Fault::RateLimit { retry_after: Some(SECOND) }));
    let stack = stack(&sims);
    let mut journey = Box::pin(Journey::new(stack.client(), ask("m")).run());
    timeout(SECOND / 2, &mut journey).await.unwrap_err();
    assert_eq!(sims.each_ref().map(|sim| sim.log().len()), [1, 1]);
    assert_eq!(stack.limits.each_ref().map(|limit| limit.snapshot().in_flight), [0, 0]);
    drop(journey);
    assert_eq!(stack.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_given_up_has_cost_its_prompt_also_after_another_has_waited() {
    // A typed client: nobody inside says when a call is sent, so one that was made counts as sent.
    let target = Target::raw();
    target.set(Act::head(Head::Never));
    let policy = Policy { in_flight: Some(1), ramp_up: Duration::ZERO, ..Policy::per_minute(60, 60_000) };
    let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask: &mut Ask| &mut ask.call);
    let layer = LimitLayer::new(policy).unwrap().cost(|_: &Ask| Estimate::new(10_000)).classify(classify);
    let service = layer.layer(TypedProbe(target.service()));
    let call = |patience| timeout(patience, service.clone().oneshot(Ask { call: Call::new() }));
    let (first, second) = tokio::join!(call(DELAY), call(2 * DELAY));
    first.and(second).unwrap_err();
    call(DELAY).await.unwrap_err();
    let used = 60_000.0 - layer.handle().snapshot().tokens.unwrap().level;
    // Less what has flowed in again.
    assert!(used > 29_000.0, "{used}");
}
