//! The primitives of the state machine: std's, or loom's when its interleavings are explored.

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(buttress_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};

/// Locks, also after a panic elsewhere: every critical section of this crate leaves its data whole at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
