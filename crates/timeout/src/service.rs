//! The service.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries};
use tower_service::Service;

use crate::{ResponseFuture, Watch, estimate::Shared, vigil::Vigil};

/// A service whose calls are limited in time, made by [`TimeoutLayer`](crate::TimeoutLayer).
#[derive(Debug)]
pub struct Timeout<S, C> {
    inner: S,
    shared: Arc<Shared>,
    classify: C,
}

impl<S, C> Timeout<S, C> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>, classify: C) -> Self {
        Timeout { inner, shared, classify }
    }
}

impl<S: Clone, C: Clone> Clone for Timeout<S, C> {
    // By hand, to say that what was polled ready is `self.inner` and never its clone: a clone has to be polled ready
    // itself before it is called.
    fn clone(&self) -> Self {
        Timeout { inner: self.inner.clone(), shared: self.shared.clone(), classify: self.classify.clone() }
    }
}

impl<S, C, Req> Service<Req> for Timeout<S, C>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    C: Carries<Req> + Watch<S::Response> + Clone,
{
    type Response = <C as Watch<S::Response>>::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let call = self.classify.call_mut(&mut request);
        let vigil = Vigil::begin(&self.shared, call, C::STREAM_IF_UNKNOWN);
        // A call that comes too late leaves the inner service ready, for the next one.
        let inner = (!vigil.is_late()).then(|| self.inner.call(request));
        ResponseFuture::new(inner, vigil, self.classify.clone())
    }
}
