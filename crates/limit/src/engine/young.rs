//! Input of calls that were let through a moment ago.

use super::{Nanos, SECOND};

/// How many seconds an input stays a hold if nothing is heard of the call.
///
/// A provider charges the input when it lets the call in, which is a moment after we do, and not at all if the call
/// never gets there. So an input starts as a hold, and becomes a debit when the answer begins. A debit that comes too
/// late errs on the safe side: a full bucket misses what the upstream's has refilled meanwhile. But an answer that takes
/// a minute to begin must not keep its input from refilling for so long, so after three to four seconds the call is taken
/// to have arrived. That is three times the first token of a healthy provider.
const SLOTS: u64 = 4;

/// Sums of held inputs, by the second in which they were taken.
#[derive(Debug, Default)]
pub(crate) struct Young {
    sums: [u64; SLOTS as usize],
    total: u64,
    /// The youngest second.
    slot: u64,
}

impl Young {
    /// What becomes a debit by this second, and when it did; oldest first, until there is no more.
    #[inline]
    pub(crate) fn mature(&mut self, slot: u64) -> Option<(Nanos, u64)> {
        while self.total > 0 && self.slot < slot {
            self.slot += 1;
            let matured = std::mem::take(&mut self.sums[index(self.slot)]);
            if matured > 0 {
                self.total -= matured;
                return Some((self.slot * SECOND, matured));
            }
        }
        self.slot = self.slot.max(slot);
        None
    }

    /// Whether what was taken in that second is still a hold.
    pub(crate) fn holds(&self, slot: u64) -> bool {
        slot + SLOTS > self.slot
    }

    pub(crate) fn add(&mut self, slot: u64, tokens: u64) {
        debug_assert_eq!(slot, self.slot, "time was not advanced");
        self.sums[index(slot)] += tokens;
        self.total += tokens;
    }

    pub(crate) fn remove(&mut self, slot: u64, tokens: u64) {
        self.sums[index(slot)] -= tokens;
        self.total -= tokens;
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// When the next hold becomes a debit by itself.
    pub(crate) fn next(&self) -> Option<Nanos> {
        let oldest = (self.slot + 1).saturating_sub(SLOTS);
        let slot = (oldest..=self.slot).find(|slot| self.sums[index(*slot)] > 0)?;
        Some((slot + SLOTS) * SECOND)
    }
}

fn index(slot: u64) -> usize {
    (slot % SLOTS) as usize
}
