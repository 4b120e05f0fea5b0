//! The slow start of a target that is back.
//!
//! Whoever returns from an outage has cold caches, few connections, and perhaps the reason for the outage still: all of
//! its share at once may put it down again. As in TCP's slow start, it begins with one call at a time, and each success
//! allows one more beside it: the load doubles with every round trip, so a healthy target is back within five of them,
//! and a sick one has cost one call.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The calls at once from which on a target is no longer counted.
const FULL: u32 = 32;

/// How many calls at once are allowed; zero: any number.
#[derive(Default)]
pub(crate) struct WarmUp {
    allowed: AtomicU32,
}

impl WarmUp {
    pub(crate) fn begin(&self) {
        self.allowed.store(1, Relaxed);
    }

    #[inline]
    pub(crate) fn allows(&self, in_flight: impl FnOnce() -> u32) -> bool {
        self.allowed().is_none_or(|allowed| in_flight() < allowed)
    }

    /// `None` once it is over.
    #[inline]
    pub(crate) fn allowed(&self) -> Option<u32> {
        Some(self.allowed.load(Relaxed)).filter(|allowed| *allowed != 0)
    }

    #[cold]
    pub(crate) fn grow(&self) {
        self.update(|allowed| if allowed + 1 < FULL { allowed + 1 } else { 0 });
    }

    #[cold]
    pub(crate) fn start_over(&self) {
        self.update(|_| 1);
    }

    fn update(&self, next: impl Fn(u32) -> u32) {
        // What is over stays over.
        let _ = self.allowed.fetch_update(Relaxed, Relaxed, |allowed| (allowed != 0).then(|| next(allowed)));
    }
}
