//! Calls that are over, told without a lock.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::{calls::Held, sync::AtomicU64};

/// Set while somebody waits.
const WAITED_FOR: u64 = 1 << 63;

/// Where a call leaves its place when it has cost what was held for it.
///
/// There is nothing to compute then that could not be computed later, so it does not wait for the lock: whoever has the
/// lock next settles it before he looks at anything else. Only where somebody waits the lock has to be taken at once, to
/// wake him. Both are bits of one word, so either a call that ends sees that somebody waits, or he sees that it has ended.
///
/// A place's bit is turned over by each call that ends there. So whoever has seen the word before knows which have ended,
/// and need not write it.
#[derive(Debug)]
pub(crate) struct Ended(AtomicU64);

/// A call has ended and is not settled, and nobody may come along to do so.
#[derive(Debug)]
#[must_use = "somebody may wait for it"]
pub(crate) enum Unsettled {
    /// It was left here.
    Left,
    /// There is no room for so large a number.
    Here(Held),
}

impl Ended {
    pub(crate) fn new() -> Self {
        Ended(AtomicU64::new(0))
    }

    /// Leaves a call that is over; says if that is not enough.
    #[inline]
    pub(crate) fn leave(&self, held: Held) -> Option<Unsettled> {
        let Some(bit) = bit(held.place) else { return Some(Unsettled::Here(held)) };
        // The bit is known and nobody else's, so this turns it over alone.
        let turn = if held.turned { bit.wrapping_neg() } else { bit };
        (self.0.fetch_add(turn, AcqRel) & WAITED_FOR != 0).then_some(Unsettled::Left)
    }

    /// The places' bits. Only under the lock.
    #[inline]
    pub(crate) fn bits(&self) -> u64 {
        self.0.load(Acquire) & !WAITED_FOR
    }

    /// From now on somebody waits, or nobody. Only under the lock.
    #[cold]
    pub(crate) fn wait(&self, somebody: bool) {
        if somebody {
            self.0.fetch_or(WAITED_FOR, AcqRel);
        } else {
            self.0.fetch_and(!WAITED_FOR, AcqRel);
        }
    }
}

/// A place's bit, if it has one.
#[inline]
pub(crate) fn bit(place: u32) -> Option<u64> {
    1_u64.checked_shl(place).filter(|bit| *bit != WAITED_FOR)
}

#[cfg(all(test, not(buttress_loom)))]
mod tests {
    use super::*;

    fn held(place: u32, turned: bool) -> Held {
        Held { place, turned }
    }

    #[test]
    fn only_while_somebody_waits_it_is_not_enough_to_leave() {
        let ended = Ended::new();
        assert!(ended.leave(held(0, false)).is_none());
        ended.wait(true);
        assert!(matches!(ended.leave(held(1, false)), Some(Unsettled::Left)));
        ended.wait(false);
        assert!(ended.leave(held(2, false)).is_none());
        assert_eq!(ended.bits(), 0b111, "whoever waits is none of the calls");
    }

    #[test]
    fn each_of_63_places_has_a_bit_to_turn_over_and_no_more_have() {
        let ended = Ended::new();
        for (turned, all) in [(false, (1 << 63) - 1), (true, 0)] {
            for place in 0..63 {
                assert!(ended.leave(held(place, turned)).is_none());
            }
            assert_eq!(ended.bits(), all);
        }
        for place in [63, 64, u32::MAX] {
            let unsettled = ended.leave(held(place, false));
            assert!(matches!(unsettled, Some(Unsettled::Here(held)) if held.place == place));
        }
        assert_eq!(ended.bits(), 0);
    }
}
