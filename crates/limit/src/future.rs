//! The limiter's future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Carries, Classify};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{permit::Permit, wait::Waiting};

pin_project! {
    /// The future of [`Limit`](crate::Limit).
    ///
    /// Dropping it while it waits gives its place up and wakes the next; dropping it later settles the call as cancelled.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, Req, C>
    where
        S: Service<Req>,
    {
        classify: C,
        #[pin]
        state: State<S, Req, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, Req, F> {
        Calling {
            // Before the permit, so that it is dropped first: a slot returns after the connection does.
            #[pin]
            inner: F,
            permit: Option<Permit>,
        },
        Waiting { waiting: Box<Waiting<S, Req>> },
        Refused { error: Option<BoxError> },
    }
}

impl<S: Service<Req>, Req, C> ResponseFuture<S, Req, C> {
    #[inline]
    pub(crate) fn calling(inner: S::Future, permit: Permit, classify: C) -> Self {
        ResponseFuture { classify, state: State::Calling { inner, permit: Some(permit) } }
    }

    #[inline]
    pub(crate) fn kept_out(waiting: Result<Box<Waiting<S, Req>>, BoxError>, classify: C) -> Self {
        let state = match waiting {
            Ok(waiting) => State::Waiting { waiting },
            Err(error) => State::Refused { error: Some(error) },
        };
        ResponseFuture { classify, state }
    }
}

impl<S, Req, C> Future for ResponseFuture<S, Req, C>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let called = match this.state.as_mut().project() {
                StateProj::Calling { inner, permit } => {
                    let result = ready!(inner.poll(cx)).map_err(Into::into);
                    Permit::resolved(permit, this.classify, result.as_ref());
                    return Poll::Ready(result);
                }
                StateProj::Waiting { waiting } => ready!(waiting.poll_call(cx, this.classify)),
                StateProj::Refused { error } => {
                    return Poll::Ready(Err(error
                        .take()
                        .expect("a future must not be polled after it has resolved")));
                }
            };
            match called {
                Ok((inner, permit)) => this.state.set(State::Calling { inner, permit: Some(permit) }),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl<S: Service<Req>, Req, C> fmt::Debug for ResponseFuture<S, Req, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
