//! The service.

use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Carries, Classify, Http, Note, Outcome, Verdict};
use tower_service::Service;

use crate::{BreakerHandle, Open, ResponseFuture, error::LAYER, permit::Permit, shared::Shared};

/// A service behind a circuit. Made by [`BreakerLayer`](crate::BreakerLayer).
///
/// While the circuit refuses calls this is ready at once and its inner service is not polled; the call that follows is
/// rejected. It takes a probe's slot in `call`, never in `poll_ready`. An inner service that fails to become ready is a
/// failure like any other.
pub struct Breaker<S, C = Http> {
    inner: S,
    classify: C,
    shared: Arc<Shared>,
    /// Whether the inner service was polled ready and may be called.
    ready: bool,
}

impl<S, C> Breaker<S, C> {
    pub(crate) fn new(inner: S, classify: C, shared: Arc<Shared>) -> Self {
        Breaker { inner, classify, shared, ready: false }
    }

    /// The circuit's handle.
    pub fn handle(&self) -> BreakerHandle {
        BreakerHandle::new(self.shared.clone())
    }
}

impl<S, C, Req> Service<Req> for Breaker<S, C>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.shared.refuses() {
            return Poll::Ready(Ok(()));
        }
        self.ready = false;
        let result = ready!(self.inner.poll_ready(cx)).map_err(Into::into);
        self.ready = result.is_ok();
        if let Err(error) = &result
            && let Verdict::Ended(ended) = self.classify.classify(Err(error))
            && let Outcome::Failure(failure) = ended.outcome
        {
            self.shared.unready(failure);
        }
        Poll::Ready(result)
    }

    // Small, so that it can become part of its caller, and the future is written where it stays. A copy that is read before it
    // has reached the cache costs more than all that is done here.
    #[inline]
    fn call(&mut self, mut request: Req) -> Self::Future {
        if !self.ready {
            // The circuit refused calls when this was polled ready. Even if it would let one through by now, nobody has
            // asked the inner service whether it is ready.
            return ResponseFuture::refused(self.told(self.shared.refuse(), &request));
        }
        let ticket = match self.shared.admit() {
            Ok(ticket) => ticket,
            Err(open) => return ResponseFuture::refused(self.told(open, &request)),
        };
        // From here on a panic, too, gives a probe's slot back.
        let mut permit = Permit::new(self.shared.clone(), ticket);
        self.ready = false;
        if self.shared.times()
            && let Some(call) = self.classify.call_mut(&mut request)
        {
            call.ensure_progress();
        }
        permit.read(self.classify.call(&request));
        ResponseFuture::admitted(self.inner.call(request), permit, self.classify.clone())
    }
}

impl<S, C> Breaker<S, C> {
    /// Tells of a refusal.
    #[cold]
    fn told<Req>(&self, open: Open, request: &Req) -> Open
    where
        C: Carries<Req>,
    {
        if let Some(call) = self.classify.call(request) {
            call.tell(Note::Refused { layer: LAYER, name: open.name().unwrap_or_default() });
        }
        open
    }
}

impl<S: Clone, C: Clone> Clone for Breaker<S, C> {
    // By hand, because readiness stays behind: it belongs to the instance of the inner service that was polled. Nothing
    // else is lost, since readiness holds neither permit nor slot.
    fn clone(&self) -> Self {
        Breaker {
            inner: self.inner.clone(),
            classify: self.classify.clone(),
            shared: self.shared.clone(),
            ready: false,
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Breaker<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("inner", &self.inner)
            .field("state", &self.shared.state())
            .finish_non_exhaustive()
    }
}
