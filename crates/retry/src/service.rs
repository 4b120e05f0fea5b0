//! The service.

use std::{
    fmt,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify, Http};
use tower_service::Service;

use crate::{AnyAnswer, NoHeaders, Replay, ResponseFuture, RetryPolicy, Stamp, Validate};

/// A service whose failed calls are sent again. Made by [`RetryLayer`](crate::RetryLayer).
///
/// It is ready when its inner service is. A call takes the inner service that is ready and leaves a clone in the future,
/// which is made ready again only if a retry needs it.
pub struct Retry<S, C = Http, V = AnyAnswer, H = NoHeaders> {
    policy: RetryPolicy<C, V, H>,
    inner: S,
}

impl<S, C, V, H> Retry<S, C, V, H> {
    pub(crate) fn new(policy: RetryPolicy<C, V, H>, inner: S) -> Self {
        Retry { policy, inner }
    }
}

impl<S, C, V, H, Req> Service<Req> for Retry<S, C, V, H>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
    V: Validate<S::Response> + Clone,
    H: Stamp<Req> + Clone,
    Req: Replay,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, C, V, H, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    // Small, so that it can become part of its caller, and the future is written where it stays.
    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        self.policy.prepare(&mut request);
        let kept = self.policy.keep_request(&mut request);
        let attempt = self.inner.call(request);
        ResponseFuture::new(attempt, self.policy.clone(), self.inner.clone(), kept)
    }
}

impl<S: Clone, C: Clone, V: Clone, H: Clone> Clone for Retry<S, C, V, H> {
    // The inner service's own `Clone` leaves its readiness behind.
    fn clone(&self) -> Self {
        Retry { policy: self.policy.clone(), inner: self.inner.clone() }
    }
}

impl<S: fmt::Debug, C, V, H> fmt::Debug for Retry<S, C, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry").field("inner", &self.inner).finish_non_exhaustive()
    }
}
