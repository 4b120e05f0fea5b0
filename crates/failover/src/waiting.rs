//! Targets that were not ready, waited for together.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::BoxError;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

use crate::{change::News, state::State};

/// A target, and whether it is taken though it is out of service.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) state: Arc<State>,
    pub(crate) last_resort: bool,
}

/// The clones stay as they were polled: each has its waker registered, and its place in whatever queue it waits in.
pub(crate) struct Waiting<S> {
    clones: Vec<(Place, S)>,
    /// When the next cooling target may serve again: it may be ready before those that are waited for.
    cooled: Option<Pin<Box<Sleep>>>,
    /// When a target was added, removed, drained, or is back in service.
    changed: Option<Pin<Box<dyn Future<Output = ()> + Send + Sync>>>,
}

impl<S> Default for Waiting<S> {
    fn default() -> Self {
        Waiting { clones: Vec::new(), cooled: None, changed: None }
    }
}

impl<S> Waiting<S> {
    pub(crate) fn push(&mut self, place: Place, clone: S) {
        self.clones.push((place, clone));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.clones.is_empty()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Place) -> bool) {
        self.clones.retain(|(place, _)| keep(place));
    }

    /// The bits of the targets that are waited for.
    pub(crate) fn mask(&self) -> u64 {
        self.clones.iter().fold(0, |mask, (place, _)| mask | place.state.bit())
    }

    /// Wakes after this time too, and at any news. Ready if the time is over already.
    pub(crate) fn arm(&mut self, time: Option<Duration>, news: &News, cx: &mut Context<'_>) -> Poll<()> {
        let mut news = news.watch();
        let changed = self.changed.insert(Box::pin(async move { _ = news.changed().await }));
        self.cooled = time.map(|time| Box::pin(sleep(time)));
        // No news can have come in between: this only registers the waker.
        _ = changed.as_mut().poll(cx);
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
        let changed = self.changed.as_mut().is_some_and(|changed| changed.as_mut().poll(cx).is_ready());
        if !cooled && !changed && !self.clones.is_empty() {
            return Poll::Pending;
        }
        // Who looks again may make news itself, and must not wake itself by it.
        (self.cooled, self.changed) = (None, None);
        Poll::Ready(None)
    }
}
