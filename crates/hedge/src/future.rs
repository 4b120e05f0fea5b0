//! The future: the first try, and the others if there are any.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Carries, Classify};
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use crate::{
    judge::{Next, judge},
    race::Race,
    spare::Spare,
    watch::Watch,
};

pin_project! {
    /// The future of [`Hedge`](crate::Hedge).
    ///
    /// It may be dropped at any point, and drops every try then. A hedge that was sent stays spent.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, C, Req>
    where
        S: Service<Req>,
        C: Carries<Req>,
    {
        #[pin]
        first: Option<S::Future>,
        // In a box only once there is one.
        race: Option<Box<Race<S::Future, S::Response>>>,
        #[pin]
        timer: Option<Sleep>,
        // Gone once no further try may be made.
        spare: Option<Spare<S, C::Kept>>,
        // None for a call that may not be hedged: such a call teaches nothing either.
        watch: Option<Watch>,
        classify: C,
    }
}

const RESOLVED: &str = "a future must not be polled after it has resolved";

impl<S, C, Req> ResponseFuture<S, C, Req>
where
    S: Service<Req>,
    C: Carries<Req>,
{
    /// A call that may be hedged.
    pub(crate) fn hedged(first: S::Future, spare: Spare<S, C::Kept>, watch: Watch, classify: C) -> Self {
        let (spare, watch) = (Some(spare), Some(watch));
        ResponseFuture { first: Some(first), race: None, timer: None, spare, watch, classify }
    }

    /// A call that may not.
    pub(crate) fn alone(first: S::Future, classify: C) -> Self {
        ResponseFuture { first: Some(first), race: None, timer: None, spare: None, watch: None, classify }
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
        let mut next = Next::WhenLate;
        if self.first.is_some() {
            let poll = self.as_mut().poll_first(&mut next, cx);
            if poll.is_ready() || self.watch.is_none() {
                return poll;
            }
        }
        self.poll_race(next, cx)
    }
}

impl<S, C, Req> ResponseFuture<S, C, Req>
where
    S: Service<Req> + Clone,
    S::Error: Into<BoxError>,
    C: Classify<S::Response> + Carries<Req>,
    Req: Clone,
{
    /// The first try: `Ready` if it ends the call.
    #[inline]
    fn poll_first(
        self: Pin<&mut Self>,
        next: &mut Next,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, BoxError>> {
        let mut this = self.project();
        let Some(first) = this.first.as_mut().as_pin_mut() else { return Poll::Pending };
        let Poll::Ready(result) = first.poll(cx) else {
            if let Some(watch) = this.watch {
                watch.pending();
            }
            return Poll::Pending;
        };
        this.first.set(None);
        match (judge(this.classify, result.map_err(Into::into)), this.watch) {
            (Ok(result), watch) => {
                // The losers go here, too.
                *this.race = None;
                if let Some(watch) = watch {
                    watch.answered();
                }
                Poll::Ready(result)
            }
            (Err(lost), None) => Poll::Ready(lost.result),
            (Err(lost), Some(watch)) => {
                watch.given_up();
                *next = lost.next();
                if this.race.is_none() && *next != Next::Now {
                    return Poll::Ready(lost.result);
                }
                this.race.get_or_insert_default().first_lost(lost);
                Poll::Pending
            }
        }
    }

    /// Everything but the first try.
    fn poll_race(
        self: Pin<&mut Self>,
        mut next: Next,
        cx: &mut Context<'_>,
    ) -> Poll<Result<S::Response, BoxError>> {
        let mut this = self.project();
        let watch = this.watch.as_mut().expect(RESOLVED);
        let mut poll = match this.race {
            Some(race) => race.poll(&mut next, this.classify, watch.shared(), cx),
            None => Poll::Pending,
        };
        loop {
            if poll.is_ready() {
                // The losers are gone before the caller has anything of the winner.
                this.first.set(None);
                *this.race = None;
                watch.given_up();
                return poll;
            }
            let is_on = this.first.is_some() || this.race.as_ref().is_some_and(|race| race.is_on());
            let another = match next {
                Next::Never => {
                    *this.spare = None;
                    false
                }
                Next::Now => true,
                Next::WhenLate if is_on && this.spare.is_some() => {
                    is_late(this.timer.as_mut(), this.race.as_deref(), watch, cx)
                }
                Next::WhenLate => false,
            };
            if another && let Some(hedge) = Spare::send(this.spare, this.classify, watch.shared(), cx) {
                this.timer.set(None);
                let why = if next == Next::Now { "failed" } else { "late" };
                tracing::debug!(why, "hedge sent");
                next = Next::WhenLate;
                let race = this.race.get_or_insert_default();
                poll = race.enter(hedge, &mut next, this.classify, watch.shared(), cx);
                continue;
            }
            if is_on {
                return Poll::Pending;
            }
            let failed = this.race.take().and_then(|race| race.into_failure());
            return Poll::Ready(failed.expect(RESOLVED));
        }
    }
}

/// Whether the call is late by now and should be hedged. Else the timer wakes the task when it may be.
fn is_late<F, Res>(
    mut timer: Pin<&mut Option<Sleep>>,
    race: Option<&Race<F, Res>>,
    watch: &Watch,
    cx: &mut Context<'_>,
) -> bool {
    loop {
        if timer.as_mut().as_pin_mut().is_some_and(|timer| timer.poll(cx).is_pending()) {
            return false;
        }
        match late_at(race, watch) {
            Some(at) if at <= Instant::now() => return true,
            at => timer.set(at.map(sleep_until)),
        }
        if timer.is_none() {
            return false;
        }
    }
}

/// When the call counts as late, as far as that is known; never, once a try has shown content.
fn late_at<F, Res>(race: Option<&Race<F, Res>>, watch: &Watch) -> Option<Instant> {
    if watch.is_answering() || race.is_some_and(Race::is_answering) {
        return None;
    }
    let delay = watch.shared().delay()?;
    // Each hedge gets as much time as the first try had before the next one goes out.
    let from = race.and_then(Race::last_sent).unwrap_or_else(|| watch.counts_from());
    from.checked_add(delay)
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
