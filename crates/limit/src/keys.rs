//! Which limits a call falls under.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    engine::{Nanos, SECOND},
    shared::{Common, Limits},
};

/// Says which limits a request falls under. [`Unkeyed`] by default; made of a closure by
/// [`LimitLayer::key`](crate::LimitLayer::key).
pub trait Key<Req> {
    /// A number that stands for the key; `None` if all requests share one set of limits.
    ///
    /// Keys are told apart by 64-bit hashes, seeded at random for each process, so that no key is ever copied.
    fn key(&self, request: &Req, hasher: &RandomState) -> Option<u64>;
}

/// All requests share one set of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unkeyed;

impl<Req> Key<Req> for Unkeyed {
    fn key(&self, _: &Req, _: &RandomState) -> Option<u64> {
        None
    }
}

/// Each key has limits of its own.
#[derive(Clone, Copy)]
pub struct ByKey<F> {
    key: F,
}

impl<F> ByKey<F> {
    pub(crate) fn new(key: F) -> Self {
        ByKey { key }
    }
}

impl<Req, F, T> Key<Req> for ByKey<F>
where
    F: Fn(&Req) -> T,
    T: Hash,
{
    fn key(&self, request: &Req, hasher: &RandomState) -> Option<u64> {
        Some(hasher.hash_one((self.key)(request)))
    }
}

impl<F> fmt::Debug for ByKey<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey").finish_non_exhaustive()
    }
}

/// The limits of every key.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) hasher: RandomState,
    map: Mutex<Map>,
}

#[derive(Debug, Default)]
struct Map {
    limits: HashMap<u64, Arc<Limits>>,
    /// When room was last looked for, in vain.
    swept: Option<Nanos>,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Keys { hasher: RandomState::new(), map: Mutex::default() }
    }

    /// The key's limits, made if there are none and there is room.
    pub(crate) fn get_or_make(&self, key: u64, common: &Arc<Common>, now: Nanos) -> Option<Arc<Limits>> {
        let mut map = self.lock();
        if let Some(limits) = map.limits.get(&key) {
            return Some(limits.clone());
        }
        let policy = common.policy();
        if map.limits.len() >= policy.max_keys {
            // A sweep looks at every key: at most once a second.
            if map.swept.is_some_and(|swept| now < swept.saturating_add(SECOND)) {
                return None;
            }
            map.limits.retain(|_, limits| Arc::strong_count(limits) > 1 || !limits.gate.is_at_rest(now));
            map.swept = Some(now);
            if map.limits.len() >= policy.max_keys {
                tracing::debug!(limiter = %common.name(), keys = policy.max_keys, "no room for another key");
                return None;
            }
        }
        let limits = Arc::new(Limits::new(common.clone(), &policy, now));
        map.limits.insert(key, limits.clone());
        Some(limits)
    }

    pub(crate) fn get(&self, key: u64) -> Option<Arc<Limits>> {
        self.lock().limits.get(&key).cloned()
    }

    pub(crate) fn all(&self) -> Vec<Arc<Limits>> {
        self.lock().limits.values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().limits.len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Map> {
        // A map entry is whole at every step.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;
    use crate::{Policy, shared::Shared};

    #[test]
    fn a_key_that_somebody_is_about_to_use_keeps_its_place() {
        let shared = Shared::new(&Policy { in_flight: Some(1), max_keys: 1, ..Policy::default() });
        let used = shared.limits(Some(1), 0);
        assert!(Arc::ptr_eq(&shared.limits(Some(2), 0), &shared.single));
        drop(used);
        assert!(!Arc::ptr_eq(&shared.limits(Some(3), SECOND), &shared.single));
    }
}
