//! What a call whose first attempt is good costs: nothing but the request's clone.

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use buttress_call::ByError;
use buttress_retry::{RetryLayer, RetryPolicy};
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

#[test]
fn a_first_attempt_that_is_good_allocates_nothing() {
    let mut service = RetryLayer::new(RetryPolicy::default().classify(ByError)).layer(Echo);
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = |n| {
        assert!(Service::<u64>::poll_ready(&mut service, &mut cx).is_ready());
        let answer = pin!(service.call(n)).poll(&mut cx);
        assert!(matches!(answer, Poll::Ready(Ok(echo)) if echo == n));
    };
    call(0);
    assert_eq!(allocation_counter::measure(|| (1..=1_000).for_each(call)).count_total, 0);
}

#[test]
fn the_future_is_small() {
    let mut service = RetryLayer::new(RetryPolicy::default().classify(ByError)).layer(Echo);
    let size = size_of_val(&service.call(1));
    let (attempt, request) = (size_of::<Ready<Result<u64, Infallible>>>(), size_of::<Option<u64>>());
    let added = size - attempt - request;
    assert!(added <= 56, "{added} bytes");
}
