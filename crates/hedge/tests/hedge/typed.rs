//! Bounds: what the layer asks of a service, and what it shares.

use std::{
    rc::Rc,
    task::{Context, Poll},
};

use buttress_call::ByError;
use buttress_hedge::{Delay, Hedge, HedgeHandle, HedgeLayer, Policy, ResponseFuture};
use tower::{Layer, Service, ServiceExt};

use crate::scripted::*;

/// Neither its error nor its response is anything but what a service must have; it is not even `Send`.
#[derive(Clone)]
struct Plain(Rc<()>);

struct Response;

#[derive(Debug)]
struct Failure;

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("no")
    }
}

impl std::error::Error for Failure {}

impl Service<u8> for Plain {
    type Response = Response;
    type Error = Failure;
    type Future = std::future::Ready<Result<Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u8) -> Self::Future {
        assert_eq!(Rc::strong_count(&self.0), 2, "this one and the spare");
        std::future::ready(if n == 0 { Ok(Response) } else { Err(Failure) })
    }
}

#[tokio::test(start_paused = true)]
async fn only_clone_is_asked_of_a_service_and_its_request() {
    let layer = HedgeLayer::after(SECOND).unwrap().classify(ByError);
    assert!(layer.layer(Plain(Rc::default())).oneshot(0).await.is_ok());
}

#[test]
fn everything_is_send_sync_and_debug_where_its_parts_are() {
    fn all<T: Send + Sync + std::fmt::Debug>() {}
    fn send<T: Send>() {}
    all::<HedgeLayer>();
    all::<HedgeHandle>();
    all::<Hedge<u8>>();
    send::<ResponseFuture<Scripted, ByError, Ask>>();
}

#[tokio::test(start_paused = true)]
async fn all_services_of_a_layer_and_all_their_clones_share_budget_and_delay() {
    let delay = Delay::Learnt { window: 100, min_samples: 3, floor: MS };
    let layer = HedgeLayer::new(Policy { delay, budget: 0.5, burst: 1.0, ..Policy::default() }).unwrap();
    let layer = layer.classify(by_error());
    let inner = Scripted::new([]).otherwise(&[Wait(SECOND)]);
    let one = layer.layer(inner.clone());
    let two = layer.clone().layer(inner.clone());
    one.clone().oneshot(Ask::default()).await.unwrap();
    one.oneshot(Ask::default()).await.unwrap();
    two.clone().oneshot(Ask::default()).await.unwrap();
    let learnt = layer.handle().delay().unwrap();
    assert_eq!((two.handle().delay(), two.handle().snapshot().calls), (Some(learnt), 3));
    assert!(learnt > 900 * MS && learnt < 1100 * MS, "{learnt:?}");
}

#[tokio::test(start_paused = true)]
async fn readiness_is_the_inner_services_own() {
    let inner = Scripted::new([]);
    inner.set_readiness(Readiness::Pending);
    let (mut service, _) = hedge(Policy::after(SECOND), &inner);
    assert!(poll_once(&mut service.ready()).is_pending());
    inner.set_readiness(Readiness::Failed);
    assert_eq!(service.ready().await.err().unwrap().to_string(), "not ready");
}

#[tokio::test(start_paused = true)]
async fn what_was_polled_ready_is_what_is_called() {
    // The scripted service refuses to be called otherwise, and its clones are not ready.
    let inner = Scripted::new([&[Hang]]);
    let (mut service, _) = hedge(Policy::after(SECOND), &inner);
    for _ in 0..3 {
        let ready = service.ready().await.unwrap();
        ready.call(Ask::default()).await.unwrap();
        service = service.clone();
    }
}
