//! The future.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Carries, Classify, Keep};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{Replay, RetryPolicy, Stamp, Validate, Wait};

pin_project! {
    /// The future of [`Retry`](crate::Retry).
    ///
    /// It may be dropped at any point, and holds nothing but the attempt or the pause under way. What a retry has taken
    /// from the budget stays spent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, V, H, Req>
    where
        S: Service<Req>,
        C: Carries<Req>,
    {
        #[pin]
        state: State<S::Future, Req>,
        policy: RetryPolicy<C, V, H>,
        service: S,
        // There while an attempt is under way.
        kept: Option<C::Kept>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, Req> {
        Attempt { #[pin] attempt: F },
        Waiting { wait: Wait, request: Option<Req> },
        Readying { request: Option<Req> },
    }
}

const RESOLVED: &str = "a future must not be polled after it has resolved";

impl<S, C, V, H, Req> ResponseFuture<S, C, V, H, Req>
where
    S: Service<Req>,
    C: Carries<Req>,
{
    pub(crate) fn new(attempt: S::Future, policy: RetryPolicy<C, V, H>, service: S, kept: C::Kept) -> Self {
        ResponseFuture { state: State::Attempt { attempt }, policy, service, kept: Some(kept) }
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
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Attempt { attempt } => {
                    let mut result = ready!(attempt.poll(cx)).map_err(Into::into);
                    let Some(fault) = this.policy.judge(&result) else { return Poll::Ready(result) };
                    let mut request = this.kept.take().expect(RESOLVED).into_request();
                    let Some(wait) = this.policy.again(&mut request, &mut result, fault) else {
                        return Poll::Ready(result);
                    };
                    this.state.set(State::Waiting { wait, request: Some(request) });
                }
                StateProj::Waiting { wait, request } => {
                    ready!(Pin::new(wait).poll(cx));
                    let request = request.take();
                    this.state.set(State::Readying { request });
                }
                StateProj::Readying { request } => {
                    ready!(this.service.poll_ready(cx)).map_err(Into::into)?;
                    let mut request = request.take().expect(RESOLVED);
                    *this.kept = Some(this.policy.keep_request(&mut request));
                    let attempt = this.service.call(request);
                    this.state.set(State::Attempt { attempt });
                }
            }
        }
    }
}

impl<S, C, V, H, Req> fmt::Debug for ResponseFuture<S, C, V, H, Req>
where
    S: Service<Req>,
    C: Carries<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
