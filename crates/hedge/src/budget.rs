//! The bucket that bounds the extra calls.

use std::sync::atomic::Ordering::Relaxed;

use crate::sync::AtomicU64;

/// One hedge, in the bucket's own unit. Fine enough that no share that anybody means rounds to nothing, and coarse enough
/// that the largest burst fits the word.
const HEDGE: u64 = 1 << 32;

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
        let capacity = (burst * HEDGE as f64) as u64;
        Budget { level: AtomicU64::new(capacity), earned: (share * HEDGE as f64) as u64, capacity }
    }

    /// A call came.
    pub(crate) fn earn(&self) {
        // A full bucket, the rule in a healthy service, is not written to.
        self.add(self.earned);
    }

    /// Takes a hedge, if there is one.
    pub(crate) fn take(&self) -> Option<Taken<'_>> {
        let taken = self.level.fetch_update(Relaxed, Relaxed, |level| level.checked_sub(HEDGE)).is_ok();
        // Not `then_some`: a guard made for nothing would put back what was never taken.
        taken.then(|| Taken { budget: self })
    }

    /// Puts a hedge back that turned out to be refused on this side.
    pub(crate) fn put_back(&self) {
        self.add(HEDGE);
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

/// A hedge out of the bucket. It goes back unless it is spent: also when sending it panics.
#[must_use = "dropped, it goes back"]
pub(crate) struct Taken<'a> {
    budget: &'a Budget,
}

impl Taken<'_> {
    pub(crate) fn spend(self) {
        std::mem::forget(self);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.budget.put_back();
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
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
                if want && let Some(taken) = budget.take() {
                    taken.spend();
                    hedges += 1.0;
                }
                prop_assert!(hedges <= calls * share + burst + 1e-6);
            }
        }
    }

    fn spend(budget: &Budget) -> bool {
        budget.take().map(Taken::spend).is_some()
    }

    #[test]
    fn a_hedge_that_was_put_back_can_be_taken_again_and_the_bucket_does_not_overflow() {
        let budget = Budget::new(0.1, 1.0);
        assert!(spend(&budget) && !spend(&budget) && !spend(&budget));
        budget.put_back();
        budget.put_back();
        assert!(spend(&budget) && !spend(&budget) && !spend(&budget));
    }

    #[test]
    fn what_is_put_back_does_not_fill_it_beyond_its_burst() {
        let budget = Budget::new(0.5, 1.0);
        assert!(spend(&budget));
        budget.earn();
        budget.put_back();
        assert!(spend(&budget));
        budget.earn();
        assert!(!spend(&budget));
    }

    #[test]
    fn eight_calls_at_an_eighth_earn_a_hedge() {
        let budget = Budget::new(0.125, 1.0);
        assert!(spend(&budget));
        (0..7).for_each(|_| budget.earn());
        assert!(!spend(&budget));
        budget.earn();
        assert!(spend(&budget));
    }

    #[test]
    fn threads_together_take_no_more_than_there_is() {
        let budget = Budget::new(0.125, 3.0);
        let hedges: usize = std::thread::scope(|scope| {
            let budget = &budget;
            let call = move || {
                budget.earn();
                spend(budget)
            };
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(move || (0..8_000).filter(|_| call()).count())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // All that was earned has been taken, or lies in the bucket still; a full bucket may have lost some of it.
        assert!((3_990..=4_003).contains(&hedges), "{hedges}");
    }

    #[test]
    fn what_is_taken_and_not_spent_goes_back() {
        let budget = Budget::new(0.1, 1.0);
        drop(budget.take());
        assert!(spend(&budget));
    }

    #[test]
    fn the_largest_burst_and_the_smallest_share_keep_their_meaning() {
        let budget = Budget::new(1e-9, 1e9);
        assert!(budget.earned > 0 && budget.capacity == 1_000_000_000 << 32);
    }
}
