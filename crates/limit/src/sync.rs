//! The primitives of the gate: std's, or loom's when its interleavings are explored.

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(buttress_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};

/// Locks, also after a panic elsewhere: nothing in a critical section of this crate can panic half-way.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
