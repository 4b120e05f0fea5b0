//! The choice of the next target.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::BoxError;
use tower_service::Service;

use super::{Held, Rank, Tour};
use crate::{
    cooling::{Look, Probe, Seen},
    waiting::Place,
};

impl<S, C, Req> Tour<S, C, Req> {
    /// The next target, readied, or its failure to become ready; `None` when no target is left.
    #[inline]
    pub(crate) fn poll_target(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S, BoxError>>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        loop {
            if let Some(waiting) = &mut self.waiting {
                match waiting.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some((place, readied))) => match self.enter(place, readied) {
                        Some(readied) => return Poll::Ready(Some(readied)),
                        None => continue,
                    },
                    Poll::Ready(None) if waiting.is_empty() => self.waiting = None,
                    Poll::Ready(None) => {}
                }
            }
            if let Poll::Ready(found) = self.survey(cx) {
                return Poll::Ready(found);
            }
            // What waits for its probe has no time left, and nothing that would wake.
            let soonest = self.cooling().map(|(_, remaining)| remaining).filter(|left| !left.is_zero()).min();
            if let Some(waiting) = &mut self.waiting
                && waiting.arm(soonest, cx).is_pending()
            {
                return Poll::Pending;
            }
        }
    }

    /// Polls targets for readiness, the best rank first, until one is ready. Those that are not are waited for.
    #[inline]
    fn survey(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S, BoxError>>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        for rank in [Rank::Free, Rank::InUse] {
            for index in 0..self.targets.len() {
                if self.is_candidate(index)
                    && self.rank(index) == rank
                    && let Some(readied) = self.poll_one(Place { index, last_resort: false }, cx)
                {
                    return Poll::Ready(Some(readied));
                }
            }
            if self.waiting.is_some() {
                return Poll::Pending;
            }
            // A call that has an upstream's answer, if only a failure, does not press on into what is out of service.
            if self.upstream_failed() {
                return Poll::Ready(None);
            }
        }
        let soonest = self.cooling().min_by_key(|(_, remaining)| *remaining).map(|(index, _)| index);
        let first = || (0..self.targets.len()).find(|index| self.is_candidate(*index));
        let Some(index) = soonest.or_else(first) else { return Poll::Ready(None) };
        match self.poll_one(Place { index, last_resort: true }, cx) {
            Some(readied) => Poll::Ready(Some(readied)),
            None => Poll::Pending,
        }
    }

    /// Nothing, if the target is not ready, or if another call has its probe.
    fn poll_one(&mut self, place: Place, cx: &mut Context<'_>) -> Option<Result<S, BoxError>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        let mut clone = self.targets[place.index].service.clone();
        match clone.poll_ready(cx) {
            Poll::Ready(result) => self.enter(place, result.map(|()| clone).map_err(Into::into)),
            Poll::Pending => {
                self.waiting.get_or_insert_default().push(place, clone);
                None
            }
        }
    }

    /// Makes a target the current one and takes what its attempt holds; nothing, if it is out of service after all.
    #[inline]
    fn enter(&mut self, place: Place, readied: Result<S, BoxError>) -> Option<Result<S, BoxError>> {
        let index = place.index;
        if readied.is_ok() {
            let seen = self.targets[index].state.cooler.seen(self.model());
            if (seen.any() || self.carried.targets.is_some()) && !self.hold(place, seen) {
                return None;
            }
        }
        self.current = index;
        self.tried |= 1 << index;
        // The other clones go, so that they park nothing.
        self.unready = self.waiting.take().map_or(0, |waiting| waiting.mask());
        Some(readied)
    }

    /// Takes the probe of a target that waits for one, and marks the target as in use if somebody asks for that.
    #[cold]
    fn hold(&mut self, Place { index, last_resort }: Place, seen: Seen) -> bool {
        let state = &self.targets[index].state;
        let (in_service, probe) = match state.cooler.look(seen) {
            Look::InService => (true, None),
            Look::Probe => (false, Probe::take(state, seen)),
            Look::Cooling(_) => (false, None),
        };
        let passes = in_service || probe.is_some() || last_resort;
        if passes {
            let in_use = self.carried.targets.as_ref().map(|targets| targets.occupy(state.name.clone()));
            self.held = Some(Box::new(Held { seen, _probe: probe, _in_use: in_use }));
        }
        passes
    }

    /// The candidates that cool, with the time left.
    fn cooling(&self) -> impl Iterator<Item = (usize, Duration)> {
        let candidates = (0..self.targets.len()).filter(|index| self.is_candidate(*index));
        candidates.filter_map(|index| match self.rank(index) {
            Rank::Cooling(cooldown) => Some((index, cooldown.remaining)),
            _ => None,
        })
    }
}
