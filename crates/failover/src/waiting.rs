//! Targets that were not ready, waited for together.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::BoxError;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

/// A target, and whether it is taken though it is out of service.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) last_resort: bool,
}

/// The clones stay as they were polled: each has its waker registered, and its place in whatever queue it waits in.
pub(crate) struct Waiting<S> {
    clones: Vec<(Place, S)>,
    /// When the next cooling target may serve again: it may be ready before those that are waited for.
    cooled: Option<Pin<Box<Sleep>>>,
}

impl<S> Default for Waiting<S> {
    fn default() -> Self {
        Waiting { clones: Vec::new(), cooled: None }
    }
}

impl<S> Waiting<S> {
    pub(crate) fn push(&mut self, place: Place, clone: S) {
        self.clones.push((place, clone));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.clones.is_empty()
    }

    /// One bit for each target that is waited for.
    pub(crate) fn mask(&self) -> u64 {
        self.clones.iter().fold(0, |mask, (place, _)| mask | 1 << place.index)
    }

    /// Wakes after this time too. Ready if it is over already.
    pub(crate) fn arm(&mut self, time: Option<Duration>, cx: &mut Context<'_>) -> Poll<()> {
        self.cooled = time.map(|time| Box::pin(sleep(time)));
        self.cooled.as_mut().map_or(Poll::Pending, |cooled| cooled.as_mut().poll(cx))
    }

    /// The first in order that is ready, or failed to become so; `None` when it is time to look again.
    pub(crate) fn poll<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Option<(Place, Result<S, BoxError>)>>
    where
        S: Service<Req>,
        S::Error: Into<BoxError>,
    {
        for position in 0..self.clones.len() {
            if let Poll::Ready(result) = self.clones[position].1.poll_ready(cx) {
                let (place, service) = self.clones.remove(position);
                return Poll::Ready(Some((place, result.map(|()| service).map_err(Into::into))));
            }
        }
        let cooled = self.cooled.as_mut().is_some_and(|cooled| cooled.as_mut().poll(cx).is_ready());
        if cooled || self.clones.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }
}
