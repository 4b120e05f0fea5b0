//! How long a target, or one model on it, stays out of service after a failure.
//!
//! A target in service has a zero in its word, so a call to it reads one atomic and no clock, and takes no lock. Later
//! ends are larger words, so `fetch_max` keeps the longer of two coolings.

mod cooldown;
mod models;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use buttress_call::{Cooling, Failure, Kind};
use tokio::time::Instant;

pub use self::cooldown::Cooldown;
use self::{
    cooldown::{kind_of, word},
    models::Models,
};
use crate::{
    change::{Change, News},
    state::State,
    sync::{AtomicBool, AtomicU64},
    warm_up::WarmUp,
};

/// The longest that a hint is believed: a provider's clock may be wrong, and trying again costs one call.
const MAX_HINT: Duration = Duration::from_secs(10 * 60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    InService,
    /// The time is over; one call may try whether the target serves again.
    Probe,
    Cooling(Cooldown),
}

/// What a call saw when it began: its success ends this cooling, never one that came later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    target: u64,
    model: u64,
}

impl Seen {
    pub(crate) fn any(&self) -> bool {
        self.target != 0 || self.model != 0
    }
}

pub(crate) struct Cooler {
    base: Instant,
    target: AtomicU64,
    probing: AtomicBool,
    models: Models,
    pub(crate) warm_up: WarmUp,
    name: Arc<str>,
    news: News,
}

impl Cooler {
    pub(crate) fn new(name: Arc<str>, news: News) -> Self {
        Cooler {
            warm_up: WarmUp::default(),
            name,
            news,
            base: Instant::now(),
            target: AtomicU64::new(0),
            probing: AtomicBool::new(false),
            models: Models::default(),
        }
    }

    #[inline]
    pub(crate) fn seen(&self, model: Option<&Arc<str>>) -> Seen {
        Seen { target: self.target.load(Ordering::Relaxed), model: self.models.word(model) }
    }

    #[inline]
    pub(crate) fn look(&self, seen: Seen) -> Look {
        if seen.any() { self.look_closer(seen) } else { Look::InService }
    }

    #[cold]
    fn look_closer(&self, seen: Seen) -> Look {
        let now = self.now();
        let target = Cooldown::of(seen.target, now);
        let model = Cooldown::of(seen.model, now);
        if let Some(longest) = target.into_iter().chain(model).max_by_key(|cooldown| cooldown.remaining) {
            return Look::Cooling(longest);
        }
        if seen.model != 0 {
            self.models.forget_ended(now);
        }
        match kind_of(seen.target) {
            Some(kind) if needs_probe(kind) => {
                if self.probing.load(Ordering::Relaxed) {
                    Look::Cooling(Cooldown { kind, remaining: Duration::ZERO })
                } else {
                    Look::Probe
                }
            }
            _ => {
                // Over: the next call need not look at the clock.
                self.clear(seen.target);
                Look::InService
            }
        }
    }

    /// Takes out of service what the failure says.
    pub(crate) fn cool(&self, failure: Failure, model: Option<&Arc<str>>) -> Option<Duration> {
        let hint = failure.retry_after.map(|hint| hint.min(MAX_HINT));
        let (time, model) = match failure.kind.cools() {
            Cooling::TargetForHint => (hint?, None),
            Cooling::Target(time) => (hint.map_or(time, |hint| hint.max(time)), None),
            // Of a model that nobody read it is not known what to cool.
            Cooling::Model(time) => (time, Some(model?)),
            _ => return None,
        };
        if time.is_zero() {
            return None;
        }
        let now = self.now();
        let word = word(now.saturating_add(millis(time)), failure.kind);
        match model {
            Some(model) => self.models.cool(model, word, now),
            None => _ = self.target.fetch_max(word, Ordering::Relaxed),
        }
        Some(time)
    }

    /// Ends the cooling that a successful call saw when it began.
    pub(crate) fn recovered(&self, seen: Seen, model: Option<&Arc<str>>) {
        self.clear(seen.target);
        if let (Some(model), true) = (model, seen.model != 0) {
            self.models.forget(model, seen.model);
        }
    }

    /// Ends all cooling, whatever it is for.
    pub(crate) fn forgive(&self) {
        self.models.forget_all();
        self.clear(self.target.load(Ordering::Relaxed));
    }

    /// Whether it needs a probe, now or later.
    pub(crate) fn awaits_probe(&self) -> bool {
        kind_of(self.target.load(Ordering::Relaxed)).is_some_and(needs_probe)
    }

    /// The target's own cooling, and those of its models.
    pub(crate) fn snapshot(&self) -> (Option<Cooldown>, Vec<(Arc<str>, Cooldown)>) {
        let now = self.now();
        let target = self.target.load(Ordering::Relaxed);
        let waits_for_probe = || {
            let kind = kind_of(target).filter(|kind| needs_probe(*kind))?;
            Some(Cooldown { kind, remaining: Duration::ZERO })
        };
        let models = self.models.list();
        let models =
            models.iter().filter_map(|(model, word)| Some((model.clone(), Cooldown::of(*word, now)?)));
        (Cooldown::of(target, now).or_else(waits_for_probe), models.collect())
    }

    fn clear(&self, seen: u64) {
        // A word that has changed since belongs to a newer failure.
        let clear = |seen| self.target.compare_exchange(seen, 0, Ordering::Relaxed, Ordering::Relaxed);
        if seen != 0 && clear(seen).is_ok() {
            self.warm_up.begin();
            self.news.tell(Change::Recovered(self.name.clone()));
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.base.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// The right to try a target whose cooling is over, given back when dropped.
pub(crate) struct Probe {
    state: Arc<State>,
}

impl Probe {
    pub(crate) fn take(state: &Arc<State>, seen: Seen) -> Option<Probe> {
        let cooler = &state.cooler;
        // Acquire: with the slot comes what the probe before learnt.
        cooler.probing.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).ok()?;
        let probe = Probe { state: state.clone() };
        (cooler.target.load(Ordering::Relaxed) == seen.target).then_some(probe)
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.state.cooler.probing.store(false, Ordering::Release);
    }
}

/// What people must mend is tried by one call before it is trusted.
fn needs_probe(kind: Kind) -> bool {
    matches!(kind.cools(), Cooling::Target(_))
}

/// Rounded up, so that nothing is tried before its time.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use tokio::time::advance;

    use super::*;
    use crate::Target;

    const SECOND: Duration = Duration::from_secs(1);

    fn state() -> Arc<State> {
        Arc::new(State::new(0, Target::new("a", ()).settings, News::new()))
    }

    fn limited(hint: Duration) -> Failure {
        Failure::new(Kind::RateLimited).with_retry_after(Some(hint))
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_ended_costs_the_next_call_neither_clock_nor_lock() {
        let (state, model) = (state(), Arc::from("m"));
        state.cooler.cool(limited(SECOND), None);
        state.cooler.cool(Kind::NotFound.into(), Some(&model));
        advance(300 * SECOND).await;
        let seen = state.cooler.seen(Some(&model));
        assert!(seen.any());
        assert_eq!(state.cooler.look(seen), Look::InService);
        assert!(!state.cooler.seen(Some(&model)).any());
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_ends_the_cooling_that_it_saw_and_no_later_one() {
        let state = state();
        state.cooler.cool(limited(SECOND), None);
        let seen = state.cooler.seen(None);
        state.cooler.cool(limited(2 * SECOND), None);
        state.cooler.recovered(seen, None);
        assert!(state.cooler.seen(None).any());
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_not_given_for_a_cooling_that_another_probe_has_settled() {
        let state = state();
        state.cooler.cool(Kind::Quota.into(), None);
        advance(300 * SECOND).await;
        let seen = state.cooler.seen(None);
        drop(Probe::take(&state, seen).expect("nobody else has it"));
        state.cooler.cool(Kind::Quota.into(), None);
        assert!(Probe::take(&state, seen).is_none());
        advance(300 * SECOND).await;
        assert!(Probe::take(&state, state.cooler.seen(None)).is_some(), "the slot was given back");
    }

    #[test]
    fn every_kind_survives_the_word() {
        for kind in Kind::ALL {
            let cooldown = Cooldown::of(word(1500, kind), 500);
            assert_eq!(cooldown, Some(Cooldown { kind, remaining: SECOND }));
            assert_eq!(Cooldown::of(word(500, kind), 500), None);
        }
        assert!(word(2, Kind::Connect) > word(1, Kind::Rejected), "the later end is the larger word");
    }

    #[test]
    fn a_model_cooled_twice_keeps_the_longer_time() {
        let (models, model) = (Models::default(), Arc::from("m"));
        for end in [7, 9, 8] {
            models.cool(&model, word(end, Kind::NotFound), 0);
        }
        assert_eq!(models.word(Some(&model)), word(9, Kind::NotFound));
    }
}
