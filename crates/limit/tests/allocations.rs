//! What a call that passes at once allocates: nothing.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use buttress_call::{ByError, Charging, OutputCharge};
use buttress_limit::{Estimate, LimitLayer, Policy, Window};
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

fn plenty() -> Policy {
    Policy {
        ramp_up: Duration::ZERO,
        charging: Some(Charging::new(OutputCharge::AsStreamed)),
        ..Policy::per_minute(4_000_000_000, 1_000_000_000_000)
    }
}

/// What so many calls allocate.
fn allocations(policy: Policy, calls: u64) -> u64 {
    let layer = LimitLayer::new(policy).unwrap().classify(ByError);
    let mut service = layer.cost(|_: &u64| Estimate::new(100).with_max_output(100)).layer(Echo);
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = |n| {
        assert!(service.poll_ready(&mut cx).is_ready());
        let answer = pin!(service.call(n)).poll(&mut cx);
        assert!(matches!(answer, Poll::Ready(Ok(echo)) if echo == n));
    };
    (0..100).for_each(&mut call);
    allocation_counter::measure(|| (0..calls).for_each(&mut call)).count_total
}

#[test]
fn a_call_that_passes_at_once_allocates_nothing_whatever_is_limited() {
    for policy in [
        plenty(),
        Policy { tokens: None, ..plenty() },
        Policy {
            in_flight: Some(2),
            input_tokens: plenty().tokens,
            output_tokens: plenty().tokens,
            ..plenty()
        },
        Policy { window: Window::Sliding, ..plenty() },
    ] {
        assert_eq!(allocations(policy, 20_000), 0, "{policy:?}");
    }
}

#[test]
fn the_future_is_small() {
    let layer = LimitLayer::new(plenty()).unwrap().classify(ByError).cost(|_: &u64| Estimate::new(1));
    let future = layer.layer(Echo).call(1);
    let added = size_of_val(&future) - size_of::<Ready<Result<u64, Infallible>>>();
    assert!(added <= 256, "{added} bytes");
}
