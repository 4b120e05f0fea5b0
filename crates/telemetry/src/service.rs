//! The service.

use std::{
    fmt,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify, Http};
use tower_service::Service;
use tracing::Instrument;

use crate::{ResponseFuture, attempt::AttemptGuard, call::CallGuard, future::Guard, layer::Vantage};

/// A service whose calls are written down. Made by [`TelemetryLayer`](crate::TelemetryLayer).
///
/// A call counts from `call` on: a service that fails to become ready has made none.
pub struct Recorded<S, C = Http> {
    inner: S,
    classify: C,
    vantage: Vantage,
}

impl<S, C> Recorded<S, C> {
    pub(crate) fn new(inner: S, classify: C, vantage: Vantage) -> Self {
        Recorded { inner, classify, vantage }
    }
}

impl<S, C, Req> Service<Req> for Recorded<S, C>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    // Small, so that it can become part of its caller, and the future is written where it stays.
    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let guard = match &self.vantage {
            Vantage::Call(recorder) => Guard::Call(CallGuard::begin(recorder, &self.classify, &mut request)),
            Vantage::Attempt { recorder, target, name, provider } => {
                let names = [name, provider];
                Guard::Attempt(AttemptGuard::begin(recorder, *target, names, &self.classify, &mut request))
            }
        };
        // What the layers inside log belongs to it.
        let span = guard.span().clone();
        let inner = span.in_scope(|| self.inner.call(request));
        ResponseFuture::new(inner.instrument(span), self.classify.clone(), guard)
    }
}

impl<S: Clone, C: Clone> Clone for Recorded<S, C> {
    // By hand, to say that what was polled ready is `self.inner` and never its clone: a clone has to be polled ready itself
    // before it is called.
    fn clone(&self) -> Self {
        Recorded { inner: self.inner.clone(), classify: self.classify.clone(), vantage: self.vantage.clone() }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Recorded<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded")
            .field("inner", &self.inner)
            .field("vantage", &self.vantage)
            .finish_non_exhaustive()
    }
}
