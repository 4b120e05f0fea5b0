//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify, Http};
use tower_service::Service;

use crate::{Eligible, ResponseFuture, Streams, future::Spare, shared::Shared};

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

    fn call(&mut self, mut request: Req) -> Self::Future {
        let spare = self.when.is_eligible(&request, self.classify.call(&request)).then(|| {
            self.shared.budget.earn();
            if let Some(call) = self.classify.call_mut(&mut request) {
                // Before the request is cloned, so that both tries know each other's targets.
                call.ensure_targets();
            }
            Spare { service: self.inner.clone(), request: request.clone() }
        });
        // A clock for this try alone: the hedge's must not be mistaken for it.
        let progress = spare
            .as_ref()
            .and_then(|_| self.classify.call_mut(&mut request))
            .map(|call| call.own_progress().clone());
        let primary = self.inner.call(request);
        ResponseFuture::new(primary, spare, progress, self.shared.clone(), self.classify.clone())
    }
}

impl<S: Clone, C: Clone, W: Clone> Clone for Hedge<S, C, W> {
    // By hand only to say that nothing but the inner service's own readiness is at stake: it stays with the instance that
    // was polled, as its own `Clone` sees to. A hedge is sent on a clone that was polled ready for it.
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
