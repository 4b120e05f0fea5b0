//! The slow start of a target that is back.
//!
//! Whoever returns from an outage has cold caches, few connections, and perhaps the reason for the outage still: all of
//! its share at once may put it down again. As in TCP's slow start, it begins with one call at a time, and each success
//! allows one more beside it: the load doubles with every round trip, so a healthy target is back within five of them,
//! and a sick one has cost one call.
//!
//! Only calls that began since count: what still hangs from before the outage neither fills the target nor judges it.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::{AtomicU32, AtomicU64};

/// The calls at once from which on a target is no longer counted.
const FULL: u32 = 32;

#[derive(Default)]
pub(crate) struct WarmUp {
    /// How many calls at once are allowed; zero: any number.
    allowed: AtomicU32,
    /// The era above the calls of it that are in flight. Each return begins an era.
    calls: AtomicU64,
}

/// The era in which a call began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Era(u32);

impl WarmUp {
    pub(crate) fn begin(&self) {
        let next = |word| Some(u64::from(era_of(word).wrapping_add(1)) << 32);
        let _ = self.calls.fetch_update(Relaxed, Relaxed, next);
        // A swap is ordered among the updates; of a store loom would take it that it is not.
        self.allowed.swap(1, Relaxed);
    }

    pub(crate) fn era(&self) -> Era {
        Era(era_of(self.calls.load(Relaxed)))
    }

    pub(crate) fn enter(&self) -> Era {
        Era(era_of(self.calls.fetch_add(1, Relaxed)))
    }

    pub(crate) fn leave(&self, Era(era): Era) {
        let less = |word| (era_of(word) == era).then(|| word - 1);
        let _ = self.calls.fetch_update(Relaxed, Relaxed, less);
    }

    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.allowed().is_none_or(|allowed| (self.calls.load(Relaxed) as u32) < allowed)
    }

    /// `None` once it is over.
    #[inline]
    pub(crate) fn allowed(&self) -> Option<u32> {
        Some(self.allowed.load(Relaxed)).filter(|allowed| *allowed != 0)
    }

    #[cold]
    pub(crate) fn grow(&self, era: Era) {
        self.update(era, |allowed| if allowed + 1 < FULL { allowed + 1 } else { 0 });
    }

    #[cold]
    pub(crate) fn start_over(&self, era: Era) {
        self.update(era, |_| 1);
    }

    fn update(&self, era: Era, next: impl Fn(u32) -> u32) {
        if era == self.era() {
            // What is over stays over.
            let next = |allowed| (allowed != 0).then(|| next(allowed));
            let _ = self.allowed.fetch_update(Relaxed, Relaxed, next);
        }
    }
}

fn era_of(word: u64) -> u32 {
    (word >> 32) as u32
}
