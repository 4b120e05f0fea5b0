//! What a layer promises its neighbours.

use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
};

use buttress_call::ByError;
use buttress_timeout::TimeoutLayer;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{SECOND, answer, layer, total};

/// Counts those alive.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_inner_call_is_gone_before_the_caller_hears_of_it() {
    let alive = Arc::default();
    let guard = Alive::new(&alive);
    let mut guard = Some(guard);
    let service = layer(total(SECOND)).classify(ByError).layer(service_fn(move |()| {
        let guard = guard.take();
        async move {
            let _guard = guard;
            std::future::pending::<Result<(), Infallible>>().await
        }
    }));
    let mut call = std::pin::pin!(service.oneshot(()));
    std::future::poll_fn(|cx| call.as_mut().poll(cx)).await.unwrap_err();
    // The future itself is still here.
    assert_eq!(alive.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_future_dropped_midway_takes_the_inner_call_with_it() {
    let alive: Arc<AtomicUsize> = Arc::default();
    let count = alive.clone();
    let service = layer(total(60 * SECOND)).classify(ByError).layer(service_fn(move |()| {
        let guard = Alive::new(&count);
        async move {
            let _guard = guard;
            std::future::pending::<Result<(), Infallible>>().await
        }
    }));
    tokio::time::timeout(SECOND, service.oneshot(())).await.unwrap_err();
    assert_eq!(alive.load(Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_passes_through_and_the_next_call_works() {
    let service = layer(answer(SECOND)).classify(ByError).layer(service_fn(async |fine: bool| {
        tokio::task::yield_now().await;
        assert!(fine, "as asked");
        Ok::<_, Infallible>(fine)
    }));
    let call = service.clone();
    let panicked = tokio::spawn(AssertUnwindSafe(async move { call.oneshot(false).await }).0).await;
    assert!(panicked.unwrap_err().is_panic());
    assert!(service.oneshot(true).await.unwrap());
}

/// Panics when it is called without having been polled ready; a clone is not ready.
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Strict { ready: false }
    }
}

impl Service<()> for Strict {
    type Response = ();
    type Error = Infallible;
    type Future = std::future::Ready<Result<(), Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called unready");
        std::future::ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn the_instance_that_became_ready_is_the_one_called() {
    let mut service = TimeoutLayer::default().classify(ByError).layer(Strict { ready: false });
    for _ in 0..3 {
        let _clone = service.clone();
        service.ready().await.unwrap().call(()).await.unwrap();
        service.clone().ready().await.unwrap().call(()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_pending_call_is_not_polled_again_before_something_happens() {
    let polls: Arc<AtomicUsize> = Arc::default();
    let count = polls.clone();
    let service = layer(total(60 * SECOND)).classify(ByError).layer(service_fn(move |()| {
        let count = count.clone();
        std::future::poll_fn(move |_| {
            count.fetch_add(1, Relaxed);
            Poll::<Result<(), Infallible>>::Pending
        })
    }));
    service.oneshot(()).await.unwrap_err();
    assert_eq!(polls.load(Relaxed), 2, "once at first, once when the time is over");
}

#[test]
fn futures_and_bodies_can_be_sent_and_stay_small() {
    fn sendable<T: Send>(_: &T) {}
    let mut service =
        TimeoutLayer::default().classify(ByError).layer(service_fn(async |n: u64| Ok::<_, Infallible>(n)));
    let call = service.call(1);
    sendable(&call);
    let size = std::mem::size_of_val(&call);
    assert!(size <= 160, "{size}");
}
