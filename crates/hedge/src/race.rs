//! The tries beside the first.

use std::{
    sync::atomic::Ordering::Relaxed,
    task::{Context, Poll},
};

use buttress_call::{BoxError, Classify};
use tokio::time::Instant;

use crate::{
    judge::{Lost, Next, judge},
    shared::Shared,
    spare::Leg,
};

/// What a call has from its first hedge or its first failure on.
pub(crate) struct Race<F, Res> {
    hedges: Vec<Leg<F>>,
    /// When the latest hedge went out.
    last_sent: Option<Instant>,
    /// What the caller gets if nobody wins.
    kept: Option<Lost<Res>>,
}

impl<F, Res> Default for Race<F, Res> {
    fn default() -> Self {
        Race { hedges: Vec::new(), last_sent: None, kept: None }
    }
}

impl<F, Res> Race<F, Res> {
    pub(crate) fn is_on(&self) -> bool {
        !self.hedges.is_empty()
    }

    pub(crate) fn is_answering(&self) -> bool {
        self.hedges.iter().any(Leg::is_answering)
    }

    pub(crate) fn last_sent(&self) -> Option<Instant> {
        self.last_sent
    }

    /// The first try has failed.
    pub(crate) fn first_lost(&mut self, lost: Lost<Res>) {
        // The caller hears of his own try, unless that did not leave this side and a hedge did.
        if self.kept.is_none() || !lost.is_refusal() {
            self.kept = Some(lost);
        }
    }

    fn hedge_lost(&mut self, lost: Lost<Res>) {
        if self.kept.as_ref().is_none_or(Lost::is_refusal) {
            self.kept = Some(lost);
        }
    }

    /// The failure that the caller gets.
    pub(crate) fn into_failure(self) -> Option<Result<Res, BoxError>> {
        self.kept.map(|lost| lost.result)
    }
}

impl<F, Res, E> Race<F, Res>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
{
    /// Polls every hedge: `Ready` if one of them won.
    pub(crate) fn poll(
        &mut self,
        next: &mut Next,
        classify: &impl Classify<Res>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Res, BoxError>> {
        let mut at = 0;
        while at < self.hedges.len() {
            let before = self.hedges.len();
            if let Poll::Ready(result) = self.poll_one(at, next, classify, shared, cx) {
                return Poll::Ready(result);
            }
            at += usize::from(self.hedges.len() == before);
        }
        Poll::Pending
    }

    /// Takes a hedge in and polls it for the first time: `Ready` if it won.
    pub(crate) fn enter(
        &mut self,
        hedge: Leg<F>,
        next: &mut Next,
        classify: &impl Classify<Res>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Res, BoxError>> {
        let at = self.hedges.len();
        self.hedges.push(hedge);
        self.last_sent = Some(Instant::now());
        let poll = self.poll_one(at, next, classify, shared, cx);
        if self.hedges.get(at).is_some_and(Leg::is_queued) {
            self.hedges.truncate(at);
            shared.take_back();
            *next = Next::Never;
        }
        poll
    }

    /// Polls one hedge, and takes it out if it has failed.
    fn poll_one(
        &mut self,
        at: usize,
        next: &mut Next,
        classify: &impl Classify<Res>,
        shared: &Shared,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Res, BoxError>> {
        let Poll::Ready(result) = self.hedges[at].future.as_mut().poll(cx) else { return Poll::Pending };
        drop(self.hedges.swap_remove(at));
        match judge(classify, result.map_err(Into::into)) {
            Ok(result) => {
                shared.won.fetch_add(1, Relaxed);
                Poll::Ready(result)
            }
            Err(lost) if lost.is_refusal() => {
                shared.take_back();
                *next = Next::Never;
                Poll::Pending
            }
            Err(lost) => {
                *next = lost.next().max(*next);
                self.hedge_lost(lost);
                Poll::Pending
            }
        }
    }
}
