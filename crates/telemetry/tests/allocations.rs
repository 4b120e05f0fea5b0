//! What being written down allocates.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    convert::Infallible,
    future::{Future, Ready, ready},
    pin::pin,
    task::{Context, Poll, Waker},
};

use buttress_call::{ByError, Call, Completion, Outcome, with_call};
use buttress_telemetry::Telemetry;
use tower::{Layer, Service, service_fn};

#[derive(Clone)]
struct Echo;

impl<Req> Service<Req> for Echo {
    type Response = Req;
    type Error = Infallible;
    type Future = Ready<Result<Req, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Req) -> Self::Future {
        ready(Ok(request))
    }
}

/// Of a thousand calls after the first.
fn allocations<S: Service<Req>, Req>(mut service: S, request: impl Fn() -> Req) -> u64 {
    let mut cx = Context::from_waker(Waker::noop());
    let mut call = |()| {
        assert!(service.poll_ready(&mut cx).is_ready());
        assert!(matches!(pin!(service.call(request())).poll(&mut cx), Poll::Ready(Ok(_))));
    };
    call(());
    allocation_counter::measure(|| (0..1_000).for_each(|_| call(()))).count_total
}

#[test]
fn over_plain_requests_it_is_nothing() {
    let telemetry = Telemetry::default();
    let attempt = telemetry.attempt("a").classify(ByError).layer(Echo);
    assert_eq!(allocations(telemetry.call().classify(ByError).layer(attempt), || 7), 0);
    assert_eq!(telemetry.snapshot().calls.ok, 1_001);
}

#[test]
fn nor_is_it_where_a_typed_request_carries_its_call_and_its_clock() {
    let telemetry = Telemetry::default();
    let classify = with_call(ByError, |call: &Call| call, |call| call);
    let attempt = telemetry.attempt("a").classify(classify.clone()).layer(Echo);
    let both = telemetry.call().classify(classify).layer(attempt);
    let mut call = Call::new();
    call.ensure_progress();
    assert_eq!(allocations(both, || call.clone()), 0);
    assert_eq!(telemetry.snapshot().total.attempts.first, 1_001);
}

#[test]
fn over_an_answer_that_has_ended_when_it_comes_it_is_nothing_either() {
    let telemetry = Telemetry::default();
    // Made beforehand, so that what is counted is the layers' own.
    let pairs = (0..1_001).map(|_| Completion::pair(buttress_call::Progress::new())).collect::<Vec<_>>();
    let pairs = std::sync::Arc::new(std::sync::Mutex::new(pairs));
    let client = |_: http::Request<()>| {
        let (completion, ender) = pairs.lock().unwrap().pop().unwrap();
        ender.end(Outcome::Success);
        let mut response = http::Response::new(());
        response.extensions_mut().insert(completion);
        ready(Ok::<_, Infallible>(response))
    };
    let request = || {
        let mut request = http::Request::new(());
        Call::get_or_insert(request.extensions_mut()).ensure_progress();
        request
    };
    let bare = allocations(service_fn(client), request);
    let more = (0..1_001).map(|_| Completion::pair(buttress_call::Progress::new()));
    pairs.lock().unwrap().extend(more);
    let attempt = telemetry.attempt("a").layer(service_fn(client));
    let both = allocations(telemetry.call().layer(attempt), request);
    // An end that is known already is heard at once, without a hook.
    assert_eq!(both, bare);
}

#[test]
fn the_future_is_small() {
    let telemetry = Telemetry::default();
    for layer in [telemetry.call(), telemetry.attempt("a")] {
        let future = layer.classify(ByError).layer(Echo).call(7);
        let added = size_of_val(&future) - size_of::<Ready<Result<i32, Infallible>>>();
        assert!(added <= 200, "{added} bytes");
    }
}
