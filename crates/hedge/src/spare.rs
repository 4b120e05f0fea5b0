//! What further tries are made of.

use std::{
    pin::Pin,
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Call, Carries, Cause, Kept, Progress};
use tokio::time::Instant;
use tower_service::Service;

use crate::shared::Shared;

/// A service and a request for as many hedges as are left.
pub(crate) struct Spare<S, Req> {
    service: S,
    kept: Kept<Req>,
    left: u32,
}

/// A hedge on its way.
pub(crate) struct Leg<F> {
    // In a box only now that it exists: hedges are rare, and the call's future stays small.
    pub(crate) future: Pin<Box<F>>,
    progress: Option<Progress>,
}

impl<S, Req> Spare<S, Req> {
    pub(crate) fn new(service: S, kept: Kept<Req>, left: u32) -> Self {
        Spare { service, kept, left }
    }

    /// Whether nobody waits for an answer any more.
    fn is_overdue(&self, carries: &impl Carries<Req>) -> bool {
        let deadline = self.kept.call(carries).and_then(Call::deadline);
        deadline.is_some_and(|deadline| deadline <= Instant::now())
    }
}

impl<S, Req> Spare<S, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    Req: Clone,
{
    /// Sends a hedge, if there is time and budget for it and a service that is ready at once. A call that got none once
    /// gets none later: a hedge that has to wait comes too late.
    pub(crate) fn send(
        slot: &mut Option<Self>,
        carries: &impl Carries<Req>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Option<Leg<S::Future>> {
        let mut spare = slot.take()?;
        if spare.is_overdue(carries) {
            return None;
        }
        let Some(taken) = shared.budget.take() else {
            shared.throttled.fetch_add(1, Relaxed);
            return None;
        };
        let rest = (spare.left > 1).then(|| Spare {
            service: spare.service.clone(),
            kept: spare.kept.clone(),
            left: spare.left - 1,
        });
        if !matches!(spare.service.poll_ready(cx), Poll::Ready(Ok(()))) {
            shared.refused.fetch_add(1, Relaxed);
            return None;
        }
        // A clock of its own, so that nobody takes its ticks for the first try's.
        let mut request = spare.kept.into_request();
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
