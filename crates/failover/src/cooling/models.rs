//! The models that a target does not have.

use std::sync::{Arc, PoisonError, atomic::Ordering};

use super::Cooldown;
use crate::sync::{AtomicBool, Mutex, MutexGuard};

/// Models remembered for each target. Their names come from callers, so their number must be bounded.
const MAX_MODELS: usize = 64;

/// Names with the word of their cooling. The flag keeps calls from the lock while there are none.
#[derive(Default)]
pub(super) struct Models {
    any: AtomicBool,
    list: Mutex<Vec<(Arc<str>, u64)>>,
}

impl Models {
    #[inline]
    pub(super) fn word(&self, model: Option<&Arc<str>>) -> u64 {
        match model {
            Some(model) if self.any.load(Ordering::Relaxed) => self.find(model),
            _ => 0,
        }
    }

    #[cold]
    fn find(&self, model: &Arc<str>) -> u64 {
        self.list().iter().find(|(name, _)| name == model).map_or(0, |(_, word)| *word)
    }

    pub(super) fn cool(&self, model: &Arc<str>, word: u64, now: u64) {
        let mut list = self.list();
        if let Some((_, known)) = list.iter_mut().find(|(name, _)| name == model) {
            *known = word.max(*known);
        } else {
            list.retain(|(_, word)| Cooldown::of(*word, now).is_some());
            if list.len() == MAX_MODELS {
                let oldest = list.iter().enumerate().min_by_key(|(_, (_, word))| *word).map(|(at, _)| at);
                oldest.map(|at| list.swap_remove(at));
            }
            list.push((model.clone(), word));
        }
        self.any.store(true, Ordering::Relaxed);
    }

    pub(super) fn forget_ended(&self, now: u64) {
        self.retain(|_, word| Cooldown::of(word, now).is_some());
    }

    pub(super) fn forget(&self, model: &Arc<str>, seen: u64) {
        self.retain(|name, word| !(name == model && word == seen));
    }

    pub(super) fn forget_all(&self) {
        self.retain(|_, _| false);
    }

    fn retain(&self, keep: impl Fn(&Arc<str>, u64) -> bool) {
        let mut list = self.list();
        list.retain(|(name, word)| keep(name, *word));
        // Under the lock, so that the flag follows the list.
        self.any.store(!list.is_empty(), Ordering::Relaxed);
    }

    pub(super) fn list(&self) -> MutexGuard<'_, Vec<(Arc<str>, u64)>> {
        // Each step leaves a whole list, so a poisoned lock is as good as any.
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
