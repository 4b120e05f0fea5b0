//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify, Http};
use tower_service::Service;

use crate::{Eligible, HedgeHandle, ResponseFuture, Streams, shared::Shared, spare::Spare, watch::Watch};

/// A service whose slow calls are tried twice. Made by [`HedgeLayer`](crate::HedgeLayer).
pub struct Hedge<S, C = Http, W = Streams> {
    inner: S,
    shared: Arc<Shared>,
    classify: C,
    when: W,
}

impl<S, C, W> Hedge<S, C, W> {
    pub(crate) fn new(inner: S, shared: Arc<Shared>, classify: C, when: W) -> Self {
        Hedge { inner, shared, classify, when }
    }

    /// Looks at the layer while it works.
    pub fn handle(&self) -> HedgeHandle {
        HedgeHandle::new(self.shared.clone())
    }
}

impl<S, C, W, Req> Service<Req> for Hedge<S, C, W>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
    W: Eligible<Req>,
    Req: Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, C, Req>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    // Small, so that it can become part of its caller, and the future is written where it stays.
    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        let classify = self.classify.clone();
        if !self.when.is_eligible(&request, classify.call(&request)) {
            return ResponseFuture::alone(self.inner.call(request), classify);
        }
        self.shared.begin();
        if let Some(call) = classify.call_mut(&mut request) {
            // Before the request is kept, so that all tries know each other's targets.
            call.ensure_targets();
        }
        let kept = classify.keep(&mut request);
        let spare = Spare::new(self.inner.clone(), kept, self.shared.policy.max_hedges);
        // After it: this clock is the first try's alone.
        let progress = classify.call_mut(&mut request).map(|call| call.own_progress().clone());
        let watch = Watch::new(self.shared.clone(), progress);
        ResponseFuture::hedged(self.inner.call(request), spare, watch, classify)
    }
}

impl<S: Clone, C: Clone, W: Clone> Clone for Hedge<S, C, W> {
    // By hand, to say it: readiness is the inner service's own and stays behind with the instance that was polled.
    // Nothing else is lost. A hedge goes out on a clone that was polled ready for it.
    fn clone(&self) -> Self {
        Hedge {
            inner: self.inner.clone(),
            shared: self.shared.clone(),
            classify: self.classify.clone(),
            when: self.when.clone(),
        }
    }
}

impl<S: fmt::Debug, C, W> fmt::Debug for Hedge<S, C, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge").field("inner", &self.inner).finish_non_exhaustive()
    }
}
