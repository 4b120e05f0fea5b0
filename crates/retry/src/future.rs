//! The future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify};
use pin_project_lite::pin_project;
use tower::retry;
use tower_service::Service;

use crate::{Replay, RetryPolicy, Stamp, Validate, boxed::Boxed};

pin_project! {
    /// The future of [`Retry`](crate::Retry).
    ///
    /// It may be dropped at any point, and holds nothing but the attempt or the pause under way. What a retry has taken
    /// from the budget stays spent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, V, H, Req>
    where
        S: Service<Req>,
        S::Error: Into<BoxError>,
        C: Classify<S::Response>,
        C: Carries<Req>,
        V: Validate<S::Response>,
        H: Stamp<Req>,
        Req: Replay,
    {
        #[pin]
        inner: retry::future::ResponseFuture<RetryPolicy<C, V, H>, Boxed<S>, Req>,
    }
}

impl<S, C, V, H, Req> ResponseFuture<S, C, V, H, Req>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req>,
    V: Validate<S::Response>,
    H: Stamp<Req>,
    Req: Replay,
{
    pub(crate) fn new(inner: retry::future::ResponseFuture<RetryPolicy<C, V, H>, Boxed<S>, Req>) -> Self {
        ResponseFuture { inner }
    }
}

impl<S, C, V, H, Req> Future for ResponseFuture<S, C, V, H, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req> + Clone,
    V: Validate<S::Response> + Clone,
    H: Stamp<Req> + Clone,
    Req: Replay,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

impl<S, C, V, H, Req> fmt::Debug for ResponseFuture<S, C, V, H, Req>
where
    S: Service<Req>,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req>,
    V: Validate<S::Response>,
    H: Stamp<Req>,
    Req: Replay,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
