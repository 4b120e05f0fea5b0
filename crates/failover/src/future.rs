//! One call, from target to target.

use std::{
    fmt,
    ops::ControlFlow,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Carries, Classify};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{fleet::Fleet, tour::Tour};

pin_project! {
    /// The future of [`Failover`](crate::Failover).
    ///
    /// It may be dropped at any point: the attempt under way goes first, then its probe slot and its place among the
    /// call's targets in use are given back.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, Req>
    where
        S: Service<Req>,
        C: Carries<Req>,
    {
        // Before the tour, whose guards must outlive the attempt.
        #[pin]
        attempt: Attempt<S::Future, Req>,
        tour: Tour<S, C, C::Kept>,
    }
}

pin_project! {
    #[project = AttemptProj]
    enum Attempt<F, Req> {
        /// The next target is looked for. `None`: what was kept is the request.
        Next { request: Option<Req> },
        Under { #[pin] way: F },
    }
}

impl<S, C, Req> ResponseFuture<S, C, Req>
where
    S: Service<Req>,
    C: Carries<Req>,
{
    #[inline]
    pub(crate) fn new(fleet: Arc<Fleet<S>>, classify: C, request: Req) -> Self {
        let tour = Tour::new(fleet, classify, &request);
        ResponseFuture { attempt: Attempt::Next { request: Some(request) }, tour }
    }
}

impl<S, C, Req> Future for ResponseFuture<S, C, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req>,
    Req: Clone,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let result = match this.attempt.as_mut().project() {
                AttemptProj::Next { request } => match ready!(this.tour.poll_target(cx)) {
                    Some(Ok(readied)) => {
                        let way = this.tour.send(readied, request.take());
                        this.attempt.set(Attempt::Under { way });
                        continue;
                    }
                    Some(Err(error)) => Err(error),
                    None => return Poll::Ready(Err(this.tour.exhausted(false))),
                },
                AttemptProj::Under { way } => {
                    let Poll::Ready(result) = way.poll(cx) else {
                        this.tour.waits_for_answer();
                        return Poll::Pending;
                    };
                    this.attempt.set(Attempt::Next { request: None });
                    result.map_err(Into::into)
                }
            };
            // Apart, so that a good answer is not put together first.
            let judged = match result {
                Ok(response) => match this.tour.judge(Ok(&response)) {
                    None => return Poll::Ready(Ok(response)),
                    Some(failure) => this.tour.failed(Ok(response), failure),
                },
                Err(error) => match this.tour.judge(Err(&error)) {
                    None => return Poll::Ready(Err(error)),
                    Some(failure) => this.tour.failed(Err(error), failure),
                },
            };
            if let ControlFlow::Break(end) = judged {
                return Poll::Ready(end);
            }
        }
    }
}

impl<S, C, Req> fmt::Debug for ResponseFuture<S, C, Req>
where
    S: Service<Req>,
    C: Carries<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
