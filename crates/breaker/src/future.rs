//! The breaker's future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Classify, Error};
use pin_project_lite::pin_project;

use crate::{Open, permit::Permit};

pin_project! {
    /// The future of [`Breaker`](crate::Breaker).
    ///
    /// Dropping it before it resolves settles the call as cancelled, which at or after the call's deadline counts as a
    /// time-out.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, C> {
        #[pin]
        state: State<F, C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, C> {
        Admitted {
            // Before the permit, so that it is dropped first: a slot returns after the connection does.
            #[pin]
            inner: F,
            permit: Option<Permit>,
            classify: C,
        },
        Refused { open: Option<Open> },
    }
}

impl<F, C> ResponseFuture<F, C> {
    pub(crate) fn admitted(inner: F, permit: Permit, classify: C) -> Self {
        ResponseFuture { state: State::Admitted { inner, permit: Some(permit), classify } }
    }

    pub(crate) fn refused(open: Open) -> Self {
        ResponseFuture { state: State::Refused { open: Some(open) } }
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
        match self.project().state.project() {
            StateProj::Admitted { inner, permit, classify } => {
                let mut result = ready!(inner.poll(cx)).map_err(Into::into);
                if let Some(until) = Permit::resolved(permit, &classify.classify(result.as_ref()))
                    && let Err(error) = &mut result
                    && let Some(error) = error.downcast_mut::<Error>()
                {
                    // Also for who has no clock of this call: tower's own `Retry` shows its first request to nobody.
                    error.set_closed_until(until);
                }
                Poll::Ready(result)
            }
            StateProj::Refused { open } => {
                let open = open.take().expect("a future must not be polled after it has resolved");
                Poll::Ready(Err(open.into_error()))
            }
        }
    }
}

impl<F, C> fmt::Debug for ResponseFuture<F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
