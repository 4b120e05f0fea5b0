//! One system in one case: something that can be called in a loop.

use std::{
    future::poll_fn,
    hint::black_box,
    pin::{Pin, pin},
    task::Poll,
};

use buttress_call::BoxError;
use bytes::Bytes;
use http_body::Body;
use tower::Service;

use super::client::{Request, request};
use crate::clock;

/// Makes so many calls.
pub(crate) type Loop = Box<dyn FnMut(u32) + Send>;

/// A system; each thread gets its own loop over the same state.
pub(crate) struct Subject {
    /// The case, or `case/variant`.
    pub(crate) case: String,
    pub(crate) system: &'static str,
    pub(crate) make: Box<dyn Fn() -> Loop>,
    /// Bytes that a call's future takes where it is kept; what a box in it points to is not among them.
    pub(crate) future: Option<usize>,
    /// So many calls before each round put its state as it is to be measured.
    pub(crate) warm_up: u32,
}

impl Subject {
    /// A tower service, called as its users do: driven ready, then called.
    pub(crate) fn service<S>(case: &str, system: &'static str, service: S) -> Self
    where
        S: Service<u64, Response = u64> + Clone + Send + 'static,
    {
        Subject::made(case, system, move || service.clone())
    }

    /// The same of a service that cannot be cloned: `make` makes a thread's.
    pub(crate) fn made<S>(case: &str, system: &'static str, make: impl Fn() -> S + 'static) -> Self
    where
        S: Service<u64, Response = u64> + Send + 'static,
    {
        let call = move || {
            let mut service = make();
            async move |number| {
                let ready = poll_fn(|cx| service.poll_ready(cx)).await;
                ready.is_ok() && service.call(number).await.is_ok()
            }
        };
        Subject { future: Some(size_of::<S::Future>()), ..Subject::new(case, system, call) }
    }

    /// A service over HTTP, called with a chat and read to the end of its answer.
    pub(crate) fn http<S, B>(case: &str, system: &'static str, service: S) -> Self
    where
        S: Service<Request, Response = http::Response<B>> + Clone + Send + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let template = request();
        let call = move || {
            let (mut service, template) = (service.clone(), template.clone());
            async move |_| {
                let ready = poll_fn(|cx| service.poll_ready(cx)).await;
                let Ok(response) = (match ready {
                    Ok(()) => service.call(template.clone()).await,
                    Err(error) => Err(error),
                }) else {
                    return false;
                };
                let mut body = pin!(response.into_body());
                let mut good = true;
                while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
                    good &= frame.is_ok();
                }
                good
            }
        };
        Subject { future: Some(size_of::<S::Future>()), ..Subject::new(case, system, call) }
    }

    /// Anything else: `make` makes a thread's call, which says whether it went well.
    pub(crate) fn new<F>(case: &str, system: &'static str, make: impl Fn() -> F + 'static) -> Self
    where
        F: AsyncFnMut(u64) -> bool + Send + 'static,
    {
        Subject {
            case: case.to_owned(),
            system,
            make: Box::new(move || looped(&make)),
            future: None,
            warm_up: 0,
        }
    }

    /// The part of the case before the variant.
    pub(crate) fn base(&self) -> &str {
        self.case.split('/').next().unwrap_or(&self.case)
    }
}

fn looped<F: AsyncFnMut(u64) -> bool + Send + 'static>(make: impl Fn() -> F) -> Loop {
    let runtime = clock::real();
    let mut call = {
        // Some make their timer with themselves.
        let _inside = runtime.enter();
        make()
    };
    Box::new(move |calls| {
        let refused = runtime.block_on(async {
            let mut refused = 0;
            for number in 0..u64::from(calls) {
                refused += u32::from(!black_box(again(pin!(call(black_box(number)))).await));
            }
            refused
        });
        // Saying no is cheaper than what is measured here.
        assert_eq!(refused, 0, "a system refused calls, so its time says nothing");
    })
}

/// Polls again at once what is pending: a trip through the runtime is no layer's work, and would hide what is. What waits
/// for another thread is still pending then, and makes the trip.
async fn again<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Pending => future.as_mut().poll(cx),
        ready @ Poll::Ready(_) => ready,
    })
    .await
}
