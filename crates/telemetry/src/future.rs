//! The future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Classify, Completion, Ended, Verdict};
use pin_project_lite::pin_project;
use tracing::{Span, instrument::Instrumented};

use crate::{attempt::AttemptGuard, call::CallGuard};

pin_project! {
    /// The future of [`Recorded`](crate::Recorded).
    ///
    /// Dropping it before it resolves counts the call as cancelled. Once it has resolved to an answer that still flows, the
    /// call counts, and its span closes, when the answer's completion tells the end.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        // Before the guard, so that what runs inside has ended when this is written down as ended.
        #[pin]
        inner: Instrumented<F>,
        classify: C,
        guard: Option<Guard>,
    }
}

/// Counts once, when it is settled or dropped.
#[derive(Debug)]
pub(crate) enum Guard {
    Call(CallGuard),
    Attempt(AttemptGuard),
}

impl Guard {
    pub(crate) fn span(&self) -> &Span {
        match self {
            Guard::Call(guard) => &guard.span,
            Guard::Attempt(guard) => &guard.span,
        }
    }

    /// It counts where it lies, as it is large, or goes on in the completion's hook.
    fn resolved(slot: &mut Option<Guard>, verdict: Verdict<'_>, error: Option<&BoxError>) {
        match verdict {
            Verdict::Ended(ended) => match slot {
                Some(Guard::Call(guard)) => guard.resolved(&ended, error),
                Some(Guard::Attempt(guard)) => guard.resolved(&ended),
                None => {}
            },
            Verdict::Pending(completion) => {
                if let Some(mut guard) = slot.take() {
                    guard.answering(completion);
                    completion.on_end(move |ended| guard.settle(ended));
                }
            }
        }
        // Its span ends with the call, not with the future.
        *slot = None;
    }

    fn answering(&mut self, completion: &Completion) {
        match self {
            Guard::Call(guard) => guard.answering(completion),
            Guard::Attempt(guard) => guard.answering(completion),
        }
    }

    fn settle(mut self, ended: &Ended) {
        match &mut self {
            Guard::Call(guard) => guard.settle(ended.outcome),
            Guard::Attempt(guard) => guard.settle(ended),
        }
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) fn new(inner: Instrumented<F>, classify: C, guard: Guard) -> Self {
        ResponseFuture { inner, classify, guard: Some(guard) }
    }
}

impl<F, C, Res, E> Future for ResponseFuture<F, C>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
    C: Classify<Res>,
{
    type Output = Result<Res, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx)).map_err(Into::into);
        Guard::resolved(this.guard, this.classify.classify(result.as_ref()), result.as_ref().err());
        Poll::Ready(result)
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
