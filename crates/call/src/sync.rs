//! The primitives of the completion: std's, or loom's when its interleavings are explored.

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(buttress_loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

/// Locks, also after a panic elsewhere: every critical section of this crate leaves its data whole at each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
