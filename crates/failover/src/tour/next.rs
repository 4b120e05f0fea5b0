//! The choice of the next target.

use std::{
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::BoxError;
use tower_service::Service;

use super::{Comeback, Rank, Tour};
use crate::{
    Candidates,
    cooling::{Look, Probe, Seen},
    fleet::Tier,
    waiting::Place,
};

impl<S, C, K> Tour<S, C, K> {
    /// The next target, readied, or its failure to become ready; `None` when no target is left.
    #[inline]
    pub(crate) fn poll_target<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S, BoxError>>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        loop {
            if let Some(waiting) = &mut self.waiting {
                match waiting.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some((place, readied))) => match self.enter(&place, readied) {
                        Some(readied) => return Poll::Ready(Some(readied)),
                        None => continue,
                    },
                    Poll::Ready(None) => self.look_again(),
                }
            }
            self.refresh();
            if let Poll::Ready(found) = self.survey(cx) {
                // A target that went while it was looked at may have been replaced.
                if found.is_none() && self.fleet.is_replaced() {
                    continue;
                }
                return Poll::Ready(found);
            }
            // What waits for its probe has no time left, and nothing that would wake.
            let soonest = self.cooling().map(|(_, remaining)| remaining).filter(|left| !left.is_zero()).min();
            if let Some(waiting) = &mut self.waiting
                && waiting.arm(soonest, &self.fleet.roster.news, cx).is_pending()
            {
                // The list may have changed before the wait was armed.
                if !self.fleet.is_replaced() {
                    return Poll::Pending;
                }
                self.look_again();
            }
        }
    }

    /// Takes the latest list of targets, if this call may still choose from it.
    #[inline]
    pub(super) fn refresh(&mut self) {
        if !self.fleet.is_latest()
            && let Some(latest) = self.fleet.latest()
        {
            self.fleet = latest;
            self.judge_fitness();
        }
    }

    /// Something has changed: what is drained or removed is waited for no longer.
    #[cold]
    fn look_again(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.retain(|place| !place.state.is_drained());
            if waiting.is_empty() {
                self.waiting = None;
            }
        }
    }

    /// Polls targets for readiness, the best rank first, until one is ready. Those that are not are waited for.
    #[inline]
    fn survey<Req>(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S, BoxError>>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        for ranks in [&[Rank::Free, Rank::Warming][..], &[Rank::InUse]] {
            for rank in ranks {
                if let Some(readied) = self.choose(*rank, cx) {
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
        let first = || self.candidates().find(|index| self.rank(*index) != Rank::Drained);
        let Some(index) = soonest.or_else(first) else { return Poll::Ready(None) };
        match self.poll_one(index, true, cx) {
            Some(readied) => Poll::Ready(Some(readied)),
            None => Poll::Pending,
        }
    }

    /// The first that is ready as the tiers' strategies choose them, tier by tier.
    #[inline]
    fn choose<Req>(&mut self, rank: Rank, cx: &mut Context<'_>) -> Option<Result<S, BoxError>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        let mut passed = self.passed();
        let mut tier = 0;
        while let Some(Tier { places, strategy }) = self.fleet.tiers.get(tier) {
            let candidates = Candidates {
                states: &self.fleet.states[places.clone()],
                start: places.start,
                carried: &self.carried,
                passed,
                rank,
                random: &self.fleet.roster.random,
            };
            let picked = strategy.pick(&candidates).or_else(|| candidates.iter().next());
            let Some(index) = picked.map(|candidate| candidate.index) else {
                tier += 1;
                continue;
            };
            passed |= self.fleet.states[index].bit();
            if let Some(readied) = self.poll_one(index, false, cx) {
                return Some(readied);
            }
        }
        None
    }

    /// Nothing, if the target is not ready, or if another call has its probe.
    fn poll_one<Req>(
        &mut self,
        index: usize,
        last_resort: bool,
        cx: &mut Context<'_>,
    ) -> Option<Result<S, BoxError>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        let mut clone = self.fleet.service(index).clone();
        match clone.poll_ready(cx) {
            Poll::Ready(result) => self.take(index, last_resort, result.map(|()| clone).map_err(Into::into)),
            Poll::Pending => {
                let state = self.fleet.states[index].clone();
                self.waiting.get_or_insert_default().push(Place { state, last_resort }, clone);
                None
            }
        }
    }

    /// A target that was waited for; nothing, if it was removed meanwhile.
    #[cold]
    fn enter(&mut self, place: &Place, readied: Result<S, BoxError>) -> Option<Result<S, BoxError>> {
        let index = self.fleet.index_of(&place.state)?;
        self.take(index, place.last_resort, readied)
    }

    /// Makes a target the current one and takes what its attempt holds; nothing, if it is out of service after all.
    #[inline]
    fn take(
        &mut self,
        index: usize,
        last_resort: bool,
        readied: Result<S, BoxError>,
    ) -> Option<Result<S, BoxError>> {
        let state = &self.fleet.states[index];
        if readied.is_ok() {
            let seen = state.cooler.seen(self.carried.model());
            if state.is_drained()
                || (seen.any() || self.carried.targets.is_some()) && !self.hold(index, last_resort, seen)
            {
                return None;
            }
        }
        self.current = index as u32;
        self.tried |= self.fleet.states[index].bit();
        // The other clones go, so that they park nothing.
        self.unready = self.waiting.take().map_or(0, |waiting| waiting.mask());
        Some(readied)
    }

    /// Takes the probe of a target that waits for one, and marks the target as in use if somebody asks for that.
    #[cold]
    fn hold(&mut self, index: usize, last_resort: bool, seen: Seen) -> bool {
        let state = &self.fleet.states[index];
        let (in_service, probe) = match state.cooler.look(seen) {
            Look::InService => (true, None),
            Look::Probe => (false, Probe::take(state, seen)),
            Look::Cooling(_) => (false, None),
        };
        let passes = in_service || probe.is_some() || last_resort;
        if passes {
            self.in_use = self.carried.targets.as_ref().map(|targets| targets.occupy(state.name.clone()));
            self.comeback = seen.any().then(|| Box::new(Comeback { seen, _probe: probe }));
        }
        passes
    }

    /// The candidates that cool, with the time left.
    fn cooling(&self) -> impl Iterator<Item = (usize, Duration)> {
        self.candidates().filter_map(|index| match self.rank(index) {
            Rank::Cooling(cooldown) => Some((index, cooldown.remaining)),
            _ => None,
        })
    }
}
