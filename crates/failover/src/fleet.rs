//! The list of targets with their services, replaced as a whole when the roster changes.
//!
//! A call keeps the list that it began with, so what runs is never disturbed, and takes the latest before each further
//! step. Every clone of a failover holds a list of its own: while nothing changes, a call takes no lock.

use std::{
    fmt,
    ops::Range,
    sync::{Arc, PoisonError, Weak},
};

use crate::{
    InvalidTargets, Strategy, Target,
    roster::{List, Roster},
    state::State,
    strategies::Strategies,
    sync::RwLock,
};

/// The targets at one moment.
pub(crate) struct Fleet<S> {
    version: u64,
    pub(crate) states: Box<[Arc<State>]>,
    services: Box<[Arc<S>]>,
    pub(crate) tiers: Box<[Tier]>,
    /// The bits of all.
    pub(crate) all: u64,
    /// Whether some target may lack what a request needs.
    pub(crate) is_picky: bool,
    pub(crate) roster: Arc<Roster>,
    home: Weak<Shared<S>>,
}

/// Of a list that is to be replaced at the first look.
const NO_VERSION: u64 = u64::MAX;

/// Targets that stand side by side in the list.
pub(crate) struct Tier {
    pub(crate) places: Range<usize>,
    pub(crate) strategy: Arc<dyn Strategy>,
}

/// What the clones of a failover share.
pub(crate) struct Shared<S> {
    pub(crate) roster: Arc<Roster>,
    fleet: RwLock<Arc<Fleet<S>>>,
}

impl<S> Shared<S> {
    /// The members need not be in order: the first look at the list puts them in theirs.
    pub(crate) fn new(roster: Arc<Roster>, members: Vec<(Arc<State>, Arc<S>)>) -> Arc<Shared<S>> {
        Arc::new_cyclic(|home| {
            let fleet = Fleet::new(&roster, home.clone(), NO_VERSION, members, &Strategies::default());
            Shared { roster, fleet: RwLock::new(Arc::new(fleet)) }
        })
    }

    pub(crate) fn fleet(&self) -> Arc<Fleet<S>> {
        let fleet = self.fleet.read().unwrap_or_else(PoisonError::into_inner).clone();
        if fleet.is_latest() { fleet } else { self.rebuild(|_| Ok(None)).unwrap_or(fleet) }
    }

    pub(crate) fn add(&self, target: Target<S>, warms_up: bool) -> Result<(), InvalidTargets> {
        let Target { service, settings } = target;
        let service = Arc::new(service);
        let add = |roster: &Roster| Ok(Some((roster.add(settings, warms_up)?, service)));
        self.rebuild(add).map(drop)
    }

    /// The same targets with other services.
    pub(crate) fn map<T>(&self, make: impl Fn(&S) -> T) -> Arc<Shared<T>> {
        let fleet = self.fleet();
        let members = fleet.states.iter().zip(&fleet.services);
        let members = members.map(|(state, service)| (state.clone(), Arc::new(make(service))));
        Shared::new(self.roster.clone(), members.collect())
    }

    /// Gives the targets of the roster their services. Dropping a service is the user's code, hence outside the lock.
    pub(crate) fn rebuild(
        &self,
        new: impl FnOnce(&Roster) -> Result<Option<(Arc<State>, Arc<S>)>, InvalidTargets>,
    ) -> Result<Arc<Fleet<S>>, InvalidTargets> {
        let mut cell = self.fleet.write().unwrap_or_else(PoisonError::into_inner);
        let new = new(&self.roster)?;
        let (version, List { states, strategies }) = self.roster.list();
        let member = |state: Arc<State>| {
            let new = new.as_ref().filter(|(new, _)| Arc::ptr_eq(new, &state)).map(|(_, service)| service);
            // A target without a service here was added to another failover of the same layer.
            let service = new.or_else(|| cell.service_of(&state))?.clone();
            Some((state, service))
        };
        let members = states.into_iter().filter_map(member).collect();
        let fleet = Arc::new(Fleet::new(&self.roster, cell.home.clone(), version, members, &strategies));
        let old = std::mem::replace(&mut *cell, fleet.clone());
        drop(cell);
        drop(old);
        Ok(fleet)
    }
}

impl<S> Fleet<S> {
    fn new(
        roster: &Arc<Roster>,
        home: Weak<Shared<S>>,
        version: u64,
        members: Vec<(Arc<State>, Arc<S>)>,
        strategies: &Strategies,
    ) -> Self {
        let mut tiers = Vec::new();
        let mut start = 0;
        for tier in members.chunk_by(|(one, _), (other, _)| one.tier() == other.tier()) {
            let places = start..start + tier.len();
            start = places.end;
            tiers.push(Tier { places, strategy: strategies.of(tier[0].0.tier()).clone() });
        }
        let all = members.iter().fold(0, |all, (state, _)| all | state.bit());
        let is_picky = members.iter().any(|(state, _)| !state.capabilities.serves_all());
        let (states, services): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let (states, services) = (states.into(), services.into());
        Fleet { version, states, services, tiers: tiers.into(), all, is_picky, roster: roster.clone(), home }
    }

    #[inline]
    pub(crate) fn is_latest(&self) -> bool {
        self.version == self.roster.version()
    }

    /// Whether there is a later list to be had. When the last clone of the failover is gone, nobody has one.
    #[inline]
    pub(crate) fn is_replaced(&self) -> bool {
        !self.is_latest() && self.home.strong_count() > 0
    }

    #[cold]
    pub(crate) fn latest(&self) -> Option<Arc<Fleet<S>>> {
        Some(self.home.upgrade()?.fleet())
    }

    #[inline]
    pub(crate) fn service(&self, index: usize) -> &S {
        &self.services[index]
    }

    pub(crate) fn index_of(&self, state: &Arc<State>) -> Option<usize> {
        self.states.iter().position(|known| Arc::ptr_eq(known, state))
    }

    fn service_of(&self, state: &Arc<State>) -> Option<&Arc<S>> {
        Some(&self.services[self.index_of(state)?])
    }
}

impl<S> fmt::Debug for Fleet<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.states.iter().map(|state| &state.name)).finish()
    }
}
