//! The list of targets without their services: what every handle can steer.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
};

use crate::{
    InvalidTargets,
    change::{Change, News},
    invalid::Rule,
    state::State,
    target::Settings,
};

/// A call notes the targets it has tried in one word.
pub(crate) const MAX_TARGETS: usize = u64::BITS as usize;

pub(crate) struct Roster {
    /// Counts the changes of the list, so that a call sees with one load whether its copy is the latest.
    version: AtomicU64,
    /// By tier, and in each tier in order.
    states: Mutex<Vec<Arc<State>>>,
    pub(crate) news: News,
}

impl Roster {
    pub(crate) fn new() -> Arc<Roster> {
        Arc::new(Roster { version: AtomicU64::new(0), states: Mutex::default(), news: News::new() })
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// The list, and the version that it has.
    pub(crate) fn list(&self) -> (u64, Vec<Arc<State>>) {
        let states = self.lock();
        (self.version.load(Relaxed), states.clone())
    }

    pub(crate) fn add(&self, settings: Settings) -> Result<Arc<State>, InvalidTargets> {
        let mut states = self.lock();
        if settings.name.is_empty() {
            return Err(Rule::Unnamed(states.len()).into());
        }
        if states.iter().any(|state| state.name == settings.name) {
            return Err(Rule::Twice(settings.name).into());
        }
        let slot = states.iter().fold(0, |used, state| used | state.bit()).trailing_ones();
        if slot as usize == MAX_TARGETS {
            return Err(Rule::TooMany.into());
        }
        let state = Arc::new(State::new(slot, settings, self.news.clone()));
        states.push(state.clone());
        self.changed(&mut states);
        Ok(state)
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), InvalidTargets> {
        let mut states = self.lock();
        let place = place(&states, name)?;
        let state = states.remove(place);
        // Calls that hold an older list see this.
        state.drain(true);
        self.changed(&mut states);
        drop(states);
        state.tell(Change::Removed);
        Ok(())
    }

    pub(crate) fn find(&self, name: &str) -> Result<Arc<State>, InvalidTargets> {
        let states = self.lock();
        Ok(states[place(&states, name)?].clone())
    }

    /// The named targets first, in this order; the others after them, as they were.
    pub(crate) fn reorder<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), InvalidTargets> {
        let mut states = self.lock();
        let mut rest = states.clone();
        let mut order = Vec::new();
        for name in names {
            if order.iter().any(|state: &Arc<State>| *state.name == *name) {
                return Err(Rule::Twice(name.into()).into());
            }
            let place = place(&rest, name)?;
            order.push(rest.remove(place));
        }
        order.append(&mut rest);
        *states = order;
        self.changed(&mut states);
        drop(states);
        self.news.tell(Change::Reordered);
        Ok(())
    }

    pub(crate) fn set_tier(&self, name: &str, tier: u32) -> Result<(), InvalidTargets> {
        let mut states = self.lock();
        states[place(&states, name)?].tier.store(tier, Relaxed);
        self.changed(&mut states);
        drop(states);
        self.news.tell(Change::Reordered);
        Ok(())
    }

    /// Takes the target out of service, or back into it. Not a change of the list, but calls that wait must look again.
    pub(crate) fn drain(&self, name: &str, drained: bool) -> Result<(), InvalidTargets> {
        let states = self.lock();
        let state = states[place(&states, name)?].clone();
        if state.drain(drained) {
            self.version.fetch_add(1, Release);
            drop(states);
            state.tell(if drained { Change::Drained } else { Change::Resumed });
        }
        Ok(())
    }

    fn changed(&self, states: &mut [Arc<State>]) {
        states.sort_by_key(|state| state.tier.load(Relaxed));
        // Under the lock, so that a version never names two lists.
        self.version.fetch_add(1, Release);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<State>>> {
        // Each step leaves a whole list, so a poisoned lock is as good as any.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(states: &[Arc<State>], name: &str) -> Result<usize, InvalidTargets> {
    let place = states.iter().position(|state| *state.name == *name);
    place.ok_or_else(|| Rule::Unknown(name.into()).into())
}
