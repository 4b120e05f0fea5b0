//! The primitives of the gate: std's, or loom's when its interleavings are explored.

use std::sync::TryLockError;

#[cfg(not(buttress_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic::AtomicU64};

#[cfg(buttress_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic::AtomicU64};

/// Locks, also after a panic elsewhere: nothing in a critical section of this crate can panic half-way.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    try_lock(mutex).unwrap_or_else(|| lock_later(mutex))
}

/// Locks what another thread has locked.
///
/// What a lock guards lies in the cache of the core that had it last. Threads that take turns at each call spend most of
/// their time on moving it, and two of them take three times as long as two that make a few calls in a row each. So this
/// one stays away for a microsecond, then for two, then for four, before it asks to be woken.
#[cold]
fn lock_later<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    #[cfg(not(buttress_loom))]
    for pauses in [64, 128, 256] {
        // About 20 ns each; 50 on some processors, less on old ones.
        for _ in 0..pauses {
            std::hint::spin_loop();
        }
        if let Some(guard) = try_lock(mutex) {
            return guard;
        }
    }
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[inline]
fn try_lock<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(all(test, not(buttress_loom)))]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn who_comes_while_another_has_the_lock_gets_it_when_it_is_free() {
        let mutex = Mutex::new(0);
        let (locked, is_locked) = mpsc::channel();
        thread::scope(|scope| {
            let mut guard = lock(&mutex);
            let second = scope.spawn(|| {
                assert!(mutex.try_lock().is_err(), "another has it");
                locked.send(()).expect("the first thread waits for this");
                let mut guard = lock(&mutex);
                *guard *= 10;
                *guard
            });
            is_locked.recv().expect("the second thread sends it");
            *guard += 1;
            drop(guard);
            assert_eq!(second.join().expect("it has not panicked"), 10);
        });
    }

    #[test]
    fn many_threads_change_what_it_guards_one_at_a_time() {
        let mutex = Mutex::new(0_u64);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|_| *lock(&mutex) += 1));
            }
        });
        assert_eq!(*lock(&mutex), 40_000);
    }

    #[test]
    fn after_a_panic_elsewhere_it_can_be_locked_still() {
        let mutex = Mutex::new(0);
        let panicked = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let mut guard = lock(&mutex);
                    *guard = 7;
                    panic!("with the lock");
                })
                .join()
        });
        assert!(panicked.is_err() && mutex.is_poisoned());
        assert_eq!(*lock(&mutex), 7);
    }
}
