//! A service whose error is boxed.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use buttress_call::BoxError;
use pin_project_lite::pin_project;
use tower_service::Service;

/// The same service with [`BoxError`]s, which the policy can judge and exchange.
#[derive(Clone)]
pub(crate) struct Boxed<S> {
    pub(crate) inner: S,
}

impl<S, Req> Service<Req> for Boxed<S>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Req) -> Self::Future {
        BoxedFuture { inner: self.inner.call(request) }
    }
}

impl<S: fmt::Debug> fmt::Debug for Boxed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

pin_project! {
    #[derive(Debug)]
    pub struct BoxedFuture<F> {
        #[pin]
        inner: F,
    }
}

impl<F, Res, E> Future for BoxedFuture<F>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Res, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx).map_err(Into::into)
    }
}
