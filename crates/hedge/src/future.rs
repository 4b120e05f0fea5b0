//! The future: the first try, and the others if there are any.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Cause, Classify, Error, Failure, Kind, Progress, Verdict, find};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep_until};
use tower_service::Service;

use crate::{
    shared::Shared,
    watch::{Lateness, Watch},
};

pin_project! {
    /// The response of [`Hedge`](crate::Hedge).
    ///
    /// Dropping it drops every try.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, Req>
    where
        S: Service<Req>,
    {
        // In a box only once it exists: hedges are rare, and the future stays small.
        hedges: Vec<Pin<Box<S::Future>>>,
        #[pin]
        first: Option<S::Future>,
        #[pin]
        timer: Option<Sleep>,
        spare: Option<Spare<S, Req>>,
        left: u32,
        failed: Option<Result<S::Response, BoxError>>,
        watch: Watch,
        shared: Arc<Shared>,
        classify: C,
    }
}

/// What another try is made of.
pub(crate) struct Spare<S, Req> {
    pub(crate) service: S,
    pub(crate) request: Req,
}

impl<S, C, Req> ResponseFuture<S, C, Req>
where
    S: Service<Req>,
{
    pub(crate) fn new(
        first: S::Future,
        spare: Option<Spare<S, Req>>,
        progress: Option<Progress>,
        shared: Arc<Shared>,
        classify: C,
    ) -> Self {
        if spare.is_some() {
            shared.calls.fetch_add(1, Relaxed);
        }
        ResponseFuture {
            hedges: Vec::new(),
            first: Some(first),
            timer: None,
            left: spare.as_ref().map_or(0, |_| shared.policy.max_hedges),
            spare,
            failed: None,
            watch: Watch::new(shared.clone(), progress),
            shared,
            classify,
        }
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

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut hurry = false;
            if let Poll::Ready(result) = self.as_mut().poll_first(&mut hurry, cx) {
                return Poll::Ready(Ok(result));
            }
            if let Poll::Ready(result) = self.as_mut().poll_hedges(&mut hurry, cx) {
                return Poll::Ready(Ok(result));
            }
            let this = self.as_mut().project();
            let alone = this.first.is_none() && this.hedges.is_empty();
            let wanted =
                if alone { hurry } else { is_late(this.timer, this.watch, this.shared, this.left, cx) };
            if wanted && self.as_mut().send(cx) {
                // It may be ready, or fail, at once.
                continue;
            }
            if !alone {
                return Poll::Pending;
            }
            return Poll::Ready(match self.project().failed.take() {
                Some(result) => result,
                None => unreachable!("with no try left, the first one has failed"),
            });
        }
    }
}

impl<S, C, Req> ResponseFuture<S, C, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req>,
    Req: Clone,
{
    /// The first try: `Ready` if it won.
    fn poll_first(self: Pin<&mut Self>, hurry: &mut bool, cx: &mut Context<'_>) -> Poll<S::Response> {
        let mut this = self.project();
        let Some(first) = this.first.as_mut().as_pin_mut() else { return Poll::Pending };
        let Poll::Ready(result) = first.poll(cx) else {
            this.watch.pending();
            return Poll::Pending;
        };
        this.first.set(None);
        match judge(this.classify, result.map_err(Into::into)) {
            Ok(response) => {
                // The losers are gone before the caller has anything of the winner.
                this.hedges.clear();
                this.watch.succeeded(true);
                Poll::Ready(response)
            }
            Err((failure, result)) => {
                *hurry = is_worth_another(failure, &result);
                *this.failed = Some(result);
                Poll::Pending
            }
        }
    }

    /// The other tries: `Ready` if one of them won.
    fn poll_hedges(self: Pin<&mut Self>, hurry: &mut bool, cx: &mut Context<'_>) -> Poll<S::Response> {
        let mut this = self.project();
        let mut at = 0;
        while let Some(hedge) = this.hedges.get_mut(at) {
            let Poll::Ready(result) = hedge.as_mut().poll(cx) else {
                at += 1;
                continue;
            };
            drop(this.hedges.swap_remove(at));
            match judge(this.classify, result.map_err(Into::into)) {
                Ok(response) => {
                    this.first.set(None);
                    this.hedges.clear();
                    this.shared.won.fetch_add(1, Relaxed);
                    this.watch.succeeded(false);
                    return Poll::Ready(response);
                }
                Err((failure, _)) if failure.kind == Kind::Rejected => {
                    // A layer on this side refused it: it cost the provider nothing, so it costs the budget nothing.
                    this.shared.sent.fetch_sub(1, Relaxed);
                    this.shared.refuse();
                }
                Err((failure, result)) => {
                    *hurry |= is_worth_another(failure, &result);
                    // The caller hears of the first failure, if he hears of any.
                    this.failed.get_or_insert(result);
                }
            }
        }
        Poll::Pending
    }

    /// Sends another try, if there is budget for it and a service that is ready at once.
    fn send(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        this.timer.set(None);
        *this.left = this.left.saturating_sub(1);
        let spare = if *this.left == 0 { this.spare.take() } else { this.spare.clone() };
        let Some(Spare { mut service, mut request }) = spare else { return false };
        if !this.shared.budget.take() {
            this.shared.throttled.fetch_add(1, Relaxed);
            *this.left = 0;
            return false;
        }
        if !matches!(service.poll_ready(cx), Poll::Ready(Ok(()))) {
            // A hedge that has to wait comes too late.
            this.shared.refuse();
            return false;
        }
        if let Some(call) = this.classify.call_mut(&mut request) {
            call.begin_attempt(Cause::Hedge);
        }
        this.hedges.push(Box::pin(service.call(request)));
        this.shared.sent.fetch_add(1, Relaxed);
        tracing::debug!(number = this.hedges.len(), "hedge sent");
        true
    }
}

/// Whether the call is late by now. Else the timer wakes the task when it may be.
fn is_late(
    mut timer: Pin<&mut Option<Sleep>>,
    watch: &Watch,
    shared: &Shared,
    left: &mut u32,
    cx: &mut Context<'_>,
) -> bool {
    while *left > 0 {
        if let Some(timer) = timer.as_mut().as_pin_mut()
            && timer.poll(cx).is_pending()
        {
            return false;
        }
        let Some(delay) = shared.delay() else { return false };
        match watch.lateness(delay) {
            Lateness::Answering => *left = 0,
            Lateness::Late => return true,
            Lateness::At(at) => timer.set(Some(sleep_until(at))),
        }
    }
    false
}

/// A success, or the failure with what it came as.
fn judge<Res, C: Classify<Res>>(
    classify: &C,
    result: Result<Res, BoxError>,
) -> Result<Res, (Failure, Result<Res, BoxError>)> {
    let failure = match classify.classify(result.as_ref()) {
        Verdict::Ended(ended) => ended.outcome.failure(),
        // First content is what the race is for.
        Verdict::Pending(_) => None,
    };
    match (failure, result) {
        (None, Ok(response)) => Ok(response),
        (Some(failure), result) => Err((failure, result)),
        // A classifier that takes an error for a success: the call is over all the same.
        (None, Err(error)) => Err((Kind::Invalid.into(), Err(error))),
    }
}

/// Whether a failed try may be answered by another at once.
fn is_worth_another<Res>(failure: Failure, result: &Result<Res, BoxError>) -> bool {
    let exhausted = result.as_ref().err().and_then(find).is_some_and(Error::is_exhausted);
    failure.kind.fails_over() && failure.kind != Kind::Rejected && !exhausted
}

impl<S: Clone, Req: Clone> Clone for Spare<S, Req> {
    // By hand, to say it: the clone is polled ready before it is called.
    fn clone(&self) -> Self {
        Spare { service: self.service.clone(), request: self.request.clone() }
    }
}

impl<S, C, Req> fmt::Debug for ResponseFuture<S, C, Req>
where
    S: Service<Req>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("hedges", &self.hedges.len()).finish_non_exhaustive()
    }
}
