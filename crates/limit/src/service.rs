//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Call, Carries, Classify, Http};
use tower_service::Service;

use crate::{
    Cost, Estimate, Key, LimitHandle, ResponseFuture, TextBytes, Unkeyed,
    gate::{Ask, Entry},
    permit::Permit,
    shared::{Limits, Shared},
    wait::{Waiting, refused},
};

/// A service behind limits. Made by [`LimitLayer`](crate::LimitLayer).
///
/// Readiness is the inner service's own and takes nothing. A call that may pass at once goes to the instance that was
/// polled ready. One that has to wait gives that readiness up at once, and waits in its future with a clone that is polled
/// ready when its turn has come.
pub struct Limit<S, C = Http, Q = TextBytes, K = Unkeyed> {
    inner: S,
    classify: C,
    cost: Q,
    key: K,
    shared: Arc<Shared>,
    /// Whether the inner service was polled ready and may be called.
    ready: bool,
}

impl<S, C, Q, K> Limit<S, C, Q, K> {
    pub(crate) fn new(inner: S, classify: C, cost: Q, key: K, shared: Arc<Shared>) -> Self {
        Limit { inner, classify, cost, key, shared, ready: false }
    }

    /// The limiter's handle.
    pub fn handle(&self) -> LimitHandle {
        LimitHandle::new(self.shared.clone())
    }
}

impl<S, C, Q, K, Req> Service<Req> for Limit<S, C, Q, K>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
    Q: Cost<Req>,
    K: Key<Req>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S, Req, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let poll = self.inner.poll_ready(cx).map_err(Into::into);
        self.ready = matches!(poll, Poll::Ready(Ok(())));
        poll
    }

    // The slow ways out return little, and the rest is small: so it can become part of its caller, and the future is written
    // where it stays. A copy that is read before it has reached the cache costs as much as two locks.
    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        self.cost.prepare(&mut request);
        let estimate = self.cost.cost(&request);
        if let Some(call) = self.classify.call_mut(&mut request) {
            // Tells later whether the call was sent, and how much of its answer came.
            call.ensure_progress();
        }
        let now = self.shared.common.now();
        let key = self.key.key(&request, &self.shared.keys.hasher);
        let limits = self.shared.limits(key, now);
        let ask = limits.ask(&estimate, self.classify.call(&request));
        let held = match limits.gate.enter(now, &ask, false) {
            Entry::Admitted(held) => held,
            entry => {
                let kept_out = self.kept_out(entry, request, estimate, ask, limits);
                return ResponseFuture::kept_out(kept_out, self.classify.clone());
            }
        };
        // From here on a panic, too, gives the holds back.
        let mut permit = Permit::new(limits, held, estimate);
        if !std::mem::take(&mut self.ready) {
            let waiting = Waiting::admitted(self.inner.clone(), request, ask, permit);
            return ResponseFuture::kept_out(Ok(waiting), self.classify.clone());
        }
        permit.calling(self.classify.call(&request));
        ResponseFuture::calling(self.inner.call(request), permit, self.classify.clone())
    }
}

impl<S: Clone, C, Q, K> Limit<S, C, Q, K> {
    /// A call that has to wait, or must not pass.
    #[cold]
    fn kept_out<Req>(
        &mut self,
        entry: Entry,
        request: Req,
        estimate: Estimate,
        ask: Ask,
        limits: Arc<Limits>,
    ) -> Result<Box<Waiting<S, Req>>, BoxError>
    where
        C: Carries<Req>,
    {
        let inner = self.unready();
        if let Entry::Refused(exceeded) = entry {
            return Err(refused(exceeded, &limits, self.classify.call(&request)));
        }
        if let Some(progress) = self.classify.call(&request).and_then(Call::progress) {
            progress.mark_waiting();
        }
        Ok(Waiting::new(inner, request, estimate, ask, limits))
    }
}

impl<S: Clone, C, Q, K> Limit<S, C, Q, K> {
    /// Gives the readiness up: what was polled ready is dropped, and with it what it had taken. Returns another clone.
    fn unready(&mut self) -> S {
        let clone = self.inner.clone();
        if std::mem::take(&mut self.ready) {
            self.inner = clone.clone();
        }
        clone
    }
}

impl<S: Clone, C: Clone, Q: Clone, K: Clone> Clone for Limit<S, C, Q, K> {
    // By hand, because readiness stays behind: it belongs to the instance of the inner service that was polled. Nothing
    // else is lost, since readiness holds neither tokens nor a place.
    fn clone(&self) -> Self {
        Limit {
            inner: self.inner.clone(),
            classify: self.classify.clone(),
            cost: self.cost.clone(),
            key: self.key.clone(),
            shared: self.shared.clone(),
            ready: false,
        }
    }
}

impl<S: fmt::Debug, C, Q, K> fmt::Debug for Limit<S, C, Q, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limit")
            .field("inner", &self.inner)
            .field("limits", &self.handle())
            .finish_non_exhaustive()
    }
}
