//! The bucket that bounds the extra calls.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// One hedge, in the bucket's own unit: small enough that a share of 0.01 % does not round to nothing.
const HEDGE: f64 = 1_000_000.0;

/// Every call adds a share of a hedge, every hedge takes a whole one.
///
/// So over any run of calls the hedges are at most the share plus what the bucket holds. What it does not hold is not
/// waited for: a hedge that comes late is worth nothing.
#[derive(Debug)]
pub(crate) struct Budget {
    level: AtomicU64,
    earned: u64,
    capacity: u64,
}

impl Budget {
    /// Both must have been checked.
    pub(crate) fn new(share: f64, burst: f64) -> Self {
        let capacity = (burst * HEDGE) as u64;
        Budget { level: AtomicU64::new(capacity), earned: (share * HEDGE) as u64, capacity }
    }

    /// A call came.
    pub(crate) fn earn(&self) {
        // A full bucket, the rule in a healthy service, is not written to.
        self.add(self.earned);
    }

    /// Takes a hedge, if there is one.
    pub(crate) fn take(&self) -> bool {
        self.level.fetch_update(Relaxed, Relaxed, |level| level.checked_sub(HEDGE as u64)).is_ok()
    }

    /// Puts a hedge back that was not sent after all.
    pub(crate) fn put_back(&self) {
        self.add(HEDGE as u64);
    }

    fn add(&self, amount: u64) {
        let mut level = self.level.load(Relaxed);
        while level < self.capacity {
            let next = level.saturating_add(amount).min(self.capacity);
            match self.level.compare_exchange_weak(level, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => level = now,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hedges_never_exceed_the_share_of_the_calls_plus_the_burst(
            share in 0.001_f64..1.0,
            burst in 1.0_f64..20.0,
            wants in prop::collection::vec(any::<bool>(), 1..2_000),
        ) {
            let budget = Budget::new(share, burst);
            let (mut calls, mut hedges) = (0.0, 0.0);
            for want in wants {
                budget.earn();
                calls += 1.0;
                if want && budget.take() {
                    hedges += 1.0;
                }
                prop_assert!(hedges <= calls * share + burst + 1e-6);
            }
        }
    }

    #[test]
    fn a_hedge_that_was_put_back_can_be_taken_again_and_the_bucket_does_not_overflow() {
        let budget = Budget::new(0.1, 1.0);
        assert!(budget.take() && !budget.take());
        budget.put_back();
        budget.put_back();
        assert!(budget.take() && !budget.take());
        (0..10).for_each(|_| budget.earn());
        assert!(budget.take() && !budget.take());
    }
}
