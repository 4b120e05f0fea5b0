//! What a call costs whose first try answers at once: no allocation, and a future of this size.
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

use std::{
    convert::Infallible,
    future::{Future, Pending, Ready, pending, ready},
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use buttress_call::ByError;
use buttress_hedge::{HedgeLayer, Policy};
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

#[derive(Clone)]
struct Silence;

impl Service<u64> for Silence {
    type Response = u64;
    type Error = Infallible;
    type Future = Pending<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: u64) -> Self::Future {
        pending()
    }
}

#[test]
fn a_call_that_answers_at_once_allocates_nothing_whatever_the_delay() {
    for policy in [Policy::default(), Policy::after(Duration::from_secs(1))] {
        let mut service = HedgeLayer::new(policy).unwrap().classify(ByError).layer(Echo);
        let mut cx = Context::from_waker(Waker::noop());
        let mut call = |n| {
            assert!(service.poll_ready(&mut cx).is_ready());
            let answer = pin!(service.call(n)).poll(&mut cx);
            assert!(matches!(answer, Poll::Ready(Ok(echo)) if echo == n));
        };
        call(0);
        assert_eq!(allocation_counter::measure(|| (1..=1_000).for_each(call)).count_total, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_allocates_nothing_until_it_is_hedged() {
    let mut service = HedgeLayer::after(Duration::from_secs(1)).unwrap().classify(ByError).layer(Silence);
    let mut cx = Context::from_waker(Waker::noop());
    // The runtime's first timer may cost it something.
    assert!(pin!(service.call(0)).poll(&mut cx).is_pending());
    let mut call = pin!(service.call(1));
    let waiting = allocation_counter::measure(|| assert!(call.as_mut().poll(&mut cx).is_pending()));
    assert_eq!(waiting.count_total, 0);
    tokio::time::advance(Duration::from_secs(1)).await;
    let hedging = allocation_counter::measure(|| assert!(call.as_mut().poll(&mut cx).is_pending()));
    println!("a hedge allocates {} times", hedging.count_total);
    assert!((1..=3).contains(&hedging.count_total), "{}", hedging.count_total);
}

#[test]
fn an_http_call_costs_less_than_the_requests_clone_and_what_the_tries_share() {
    #[derive(Clone)]
    struct Web;

    impl Service<http::Request<()>> for Web {
        type Response = http::Response<()>;
        type Error = Infallible;
        type Future = Ready<Result<http::Response<()>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: http::Request<()>) -> Self::Future {
            ready(Ok(http::Response::new(())))
        }
    }

    let mut service = HedgeLayer::budget(0.05).unwrap().layer(Web);
    let mut cx = Context::from_waker(Waker::noop());
    let mut request = http::Request::new(());
    request.extensions_mut().insert(buttress_call::Call::new());
    let clone = allocation_counter::measure(|| drop(request.clone())).count_total;
    let call = allocation_counter::measure(|| assert!(pin!(service.call(request)).poll(&mut cx).is_ready()));
    println!("{} allocations, {clone} of them the clone", call.count_total);
    // The targets in use, and a clock of its own. What is kept is less than a clone: the headers, and the call.
    assert_eq!(call.count_total, 2 + 2);
    assert!(call.count_total < 2 + clone);
}

#[test]
fn the_future_is_small() {
    let mut service = HedgeLayer::budget(0.05).unwrap().classify(ByError).layer(Echo);
    let size = size_of_val(&service.call(1));
    println!("{size} bytes, of which {} are the timer", size_of::<tokio::time::Sleep>());
    assert!(size <= 240, "{size} bytes");
}
