//! What further tries are made of.

use std::{
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Call, Carries, Cause, Keep, Progress};
use tokio::time::Instant;
use tower_service::Service;

use crate::shared::Shared;

/// A service and a request for as many hedges as are left.
pub(crate) struct Spare<S, K> {
    service: S,
    kept: K,
    left: u32,
}

/// A hedge on its way.
pub(crate) struct Leg<F> {
    // In a box only now that it exists: hedges are rare, and the call's future stays small.
    pub(crate) future: Pin<Box<F>>,
    progress: Option<Progress>,
}

impl<S, K> Spare<S, K> {
    pub(crate) fn new(service: S, kept: K, left: u32) -> Self {
        Spare { service, kept, left }
    }

    /// Whether nobody waits for an answer any more.
    fn is_overdue<Req>(&self, carries: &impl Carries<Req>) -> bool
    where
        K: Keep<Req>,
    {
        let deadline = self.kept.call(carries).and_then(Call::deadline);
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Sends a hedge, if there is time and budget for it and a service that is ready at once. A call that got none once
    /// gets none later: a hedge that has to wait comes too late.
    pub(crate) fn send<Req>(
        slot: &mut Option<Self>,
        carries: &impl Carries<Req, Kept = K>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Option<Leg<S::Future>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
        K: Keep<Req>,
        Req: Clone,
    {
        let mut spare = slot.take()?;
        if spare.is_overdue(carries) {
            return None;
        }
        let Some(taken) = shared.budget.take() else {
            shared.throttled.fetch_add(1, Relaxed);
            return None;
        };
        let another = (spare.left > 1).then(|| spare.service.clone());
        if !matches!(spare.service.poll_ready(cx), Poll::Ready(Ok(()))) {
            shared.refused.fetch_add(1, Relaxed);
            return None;
        }
        let mut request = spare.kept.into_request();
        let rest = another.map(|service| Spare::new(service, carries.keep(&mut request), spare.left - 1));
        // A clock of its own, so that nobody takes its ticks for the first try's.
        let progress = carries.call_mut(&mut request).map(|call| {
            call.begin_attempt(Cause::Hedge);
            call.ensure_progress().clone()
        });
        let future = Box::pin(spare.service.call(request));
        taken.spend();
        shared.sent.fetch_add(1, Relaxed);
        *slot = rest;
        Some(Leg { future, progress })
    }
}

impl<F> Leg<F> {
    pub(crate) fn is_answering(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.first_content_at().is_some())
    }

    /// Whether it was put into a queue on this side instead of being sent.
    pub(crate) fn is_queued(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.is_waiting() && progress.sent_at().is_none())
    }
}
