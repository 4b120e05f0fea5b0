//! What a call through a closed circuit allocates: nothing.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use buttress_breaker::{BreakerLayer, Policy};
use buttress_call::ByError;
use tower::{Layer, Service};

#[derive(Clone)]
struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u64) -> Self::Future {
        ready(Ok(n))
    }
}

fn allocations(policy: Policy) -> u64 {
    let mut service = BreakerLayer::new(policy).unwrap().classify(ByError).layer(Echo);
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = |n| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let answer = pin!(service.call(n)).poll(&mut cx);
        assert!(matches!(answer, Poll::Ready(Ok(echo)) if echo == n));
    };
    call(0);
    allocation_counter::measure(|| (1..=1_000).for_each(call)).count_total
}

#[test]
fn a_call_through_a_closed_circuit_allocates_nothing_whatever_the_policy() {
    assert_eq!(allocations(Policy::default()), 0);
    assert_eq!(allocations(Policy::with_rates()), 0);
}

#[test]
fn the_future_is_small() {
    let mut service = BreakerLayer::default().classify(ByError).layer(Echo);
    let future = service.call(1);
    let added = size_of_val(&future) - size_of::<Ready<Result<u64, Infallible>>>();
    assert!(added <= 88, "{added} bytes");
}
