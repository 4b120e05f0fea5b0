//! The list of targets without their services: what every handle can steer.

use std::sync::{
    Arc, PoisonError,
    atomic::Ordering::{Acquire, Relaxed, Release},
};

use crate::{
    InvalidTargets, Strategy,
    change::{Change, News},
    invalid::Rule,
    random::Random,
    state::State,
    strategies::Strategies,
    sync::{AtomicBool, AtomicU64, Mutex, MutexGuard},
    target::Settings,
};

/// A call notes the targets it has tried in one word.
pub(crate) const MAX_TARGETS: usize = u64::BITS as usize;

pub(crate) struct Roster {
    /// Counts the changes of the list, so that a call sees with one load whether its copy is the latest.
    version: AtomicU64,
    list: Mutex<List>,
    pub(crate) news: News,
    pub(crate) random: Random,
    /// Whether what one target's filter refused goes on to the next.
    pub(crate) filtered: AtomicBool,
}

#[derive(Clone, Default)]
pub(crate) struct List {
    /// By tier, and in each tier in order.
    pub(crate) states: Vec<Arc<State>>,
    pub(crate) strategies: Strategies,
}

impl Roster {
    pub(crate) fn new() -> Arc<Roster> {
        Arc::new(Roster {
            version: AtomicU64::new(0),
            list: Mutex::default(),
            news: News::new(),
            random: Random::from_entropy(),
            filtered: AtomicBool::new(false),
        })
    }

    #[inline]
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Acquire)
    }

    /// The list, and the version that it has.
    pub(crate) fn list(&self) -> (u64, List) {
        let list = self.lock();
        (self.version.load(Relaxed), list.clone())
    }

    /// A strategy for one tier, or for all that have none of their own.
    pub(crate) fn set_strategy(&self, tier: Option<u32>, strategy: Arc<dyn Strategy>) {
        let mut list = self.lock();
        let old = list.strategies.set(tier, strategy);
        self.changed(&mut list);
        drop(list);
        // The user's code, hence outside the lock.
        drop(old);
        self.news.tell(Change::Reordered);
    }

    pub(crate) fn add(&self, settings: Settings, warms_up: bool) -> Result<Arc<State>, InvalidTargets> {
        let mut list = self.lock();
        if settings.name.is_empty() {
            return Err(Rule::Unnamed(list.states.len()).into());
        }
        if list.states.iter().any(|state| state.name == settings.name) {
            return Err(Rule::Twice(settings.name).into());
        }
        settings.capabilities.check(&settings.name)?;
        let slot = list.states.iter().fold(0, |used, state| used | state.bit()).trailing_ones();
        if slot as usize == MAX_TARGETS {
            return Err(Rule::TooMany.into());
        }
        let state = Arc::new(State::new(slot, settings, self.news.clone()));
        if warms_up {
            state.cooler.warm_up.begin();
        }
        list.states.push(state.clone());
        self.changed(&mut list);
        Ok(state)
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), InvalidTargets> {
        let state = self.take(name)?;
        state.tell(Change::Removed);
        Ok(())
    }

    /// Removes without a word.
    pub(crate) fn take(&self, name: &str) -> Result<Arc<State>, InvalidTargets> {
        let mut list = self.lock();
        let place = place(&list.states, name)?;
        let state = list.states.remove(place);
        self.changed(&mut list);
        // Calls that hold the older list see this, and then that it is not the latest.
        state.drain(true);
        Ok(state)
    }

    pub(crate) fn find(&self, name: &str) -> Result<Arc<State>, InvalidTargets> {
        let list = self.lock();
        Ok(list.states[place(&list.states, name)?].clone())
    }

    /// The named targets first, in this order; the others after them, as they were.
    pub(crate) fn reorder<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), InvalidTargets> {
        let mut list = self.lock();
        let mut rest = list.states.clone();
        let mut order = Vec::new();
        for name in names {
            if order.iter().any(|state: &Arc<State>| *state.name == *name) {
                return Err(Rule::Twice(name.into()).into());
            }
            let place = place(&rest, name)?;
            order.push(rest.remove(place));
        }
        order.append(&mut rest);
        list.states = order;
        self.changed(&mut list);
        drop(list);
        self.news.tell(Change::Reordered);
        Ok(())
    }

    pub(crate) fn set_tier(&self, name: &str, tier: u32) -> Result<(), InvalidTargets> {
        let mut list = self.lock();
        list.states[place(&list.states, name)?].tier.store(tier, Relaxed);
        self.changed(&mut list);
        drop(list);
        self.news.tell(Change::Reordered);
        Ok(())
    }

    /// Takes the target out of service, or back into it. Not a change of the list, but calls that wait must look again.
    pub(crate) fn drain(&self, name: &str, drained: bool) -> Result<(), InvalidTargets> {
        let list = self.lock();
        let state = list.states[place(&list.states, name)?].clone();
        if state.is_drained() != drained {
            if !drained {
                state.cooler.warm_up.begin();
            }
            // First, as in `take`.
            self.version.fetch_add(1, Release);
            state.drain(drained);
            drop(list);
            state.tell(if drained { Change::Drained } else { Change::Resumed });
        }
        Ok(())
    }

    /// Ends the target's cooldown, and those of its models.
    pub(crate) fn forgive(&self, name: &str) -> Result<(), InvalidTargets> {
        let list = self.lock();
        let state = list.states[place(&list.states, name)?].clone();
        drop(list);
        state.cooler.forgive();
        Ok(())
    }

    fn changed(&self, list: &mut List) {
        list.states.sort_by_key(|state| state.tier());
        // Under the lock, so that a version never names two lists.
        self.version.fetch_add(1, Release);
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        // Each step leaves a whole list, so a poisoned lock is as good as any.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(states: &[Arc<State>], name: &str) -> Result<usize, InvalidTargets> {
    let place = states.iter().position(|state| *state.name == *name);
    place.ok_or_else(|| Rule::Unknown(name.into()).into())
}
