//! How many retries a target gets.

use std::{
    fmt,
    sync::atomic::Ordering::{AcqRel, Acquire, Relaxed},
    time::Duration,
};

use tokio::time::Instant;
use tower::retry::budget::Budget;

use crate::{InvalidRetries, sync::AtomicU64};

/// A bucket of retries: each call pays a share of one into it, time pays a minimum, each retry takes a whole one out.
///
/// A number of attempts bounds what one call may do, not what all calls do together: with three attempts a provider that
/// fails for everybody gets three times its load, just when it can bear the least. The bucket bounds them together. In
/// any stretch of time a target gets at most `burst` retries, plus `per_second` for each second, plus `share` of the
/// calls that ended in it.
///
/// Unlike tower's [`TpsBudget`](tower::retry::budget::TpsBudget), which any policy here takes as well, it reads no clock
/// and takes no lock for a call that needs no retry, and never grants more than it holds, whatever threads do at once.
/// What calls have paid in does not expire; the bucket holds `burst` at most.
///
/// A retry that was granted is spent, also if the call is dropped before the attempt is sent.
///
/// ```
/// use buttress_retry::RetryBudget;
/// use tower::retry::budget::Budget;
///
/// let budget = RetryBudget::new(0.5, 0, 2)?;
/// assert!(budget.withdraw() && budget.withdraw() && !budget.withdraw());
/// budget.deposit();
/// budget.deposit();
/// assert!(budget.withdraw() && !budget.withdraw());
/// # Ok::<(), buttress_retry::InvalidRetries>(())
/// ```
pub struct RetryBudget {
    /// In millionths of a retry.
    balance: AtomicU64,
    full: u64,
    deposit: u64,
    per_second: u32,
    start: Instant,
    /// Up to when time has paid, in nanoseconds from `start`.
    paid: AtomicU64,
}

/// One retry, in units of the balance.
const RETRY: u64 = 1_000_000;

impl RetryBudget {
    /// A full bucket of `burst` retries, into which each call pays `share` of one and each second `per_second`.
    ///
    /// `share` is from 0 to 1,000, `burst` at least 1.
    pub fn new(share: f64, per_second: u32, burst: u32) -> Result<Self, InvalidRetries> {
        // NaN is in no range.
        if !(0.0..=1_000.0).contains(&share) {
            return Err(InvalidRetries::new("budget.share", &share, "must be from 0 to 1,000"));
        }
        if burst == 0 {
            return Err(InvalidRetries::new("budget.burst", &burst, "must be at least 1"));
        }
        Ok(Self::unchecked(share, per_second, burst))
    }

    fn unchecked(share: f64, per_second: u32, burst: u32) -> Self {
        let full = u64::from(burst) * RETRY;
        RetryBudget {
            balance: AtomicU64::new(full),
            full,
            deposit: (share * RETRY as f64).round() as u64,
            per_second,
            start: Instant::now(),
            paid: AtomicU64::new(0),
        }
    }

    /// The retries that it would grant now.
    pub fn available(&self) -> u64 {
        self.pay_for_time();
        self.balance.load(Relaxed) / RETRY
    }

    fn pay_for_time(&self) {
        self.pay_until(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn pay_until(&self, now: u64) {
        let paid = self.paid.load(Relaxed);
        let earned = u128::from(now.saturating_sub(paid)) * u128::from(self.per_second) * u128::from(RETRY)
            / Duration::from_secs(1).as_nanos();
        // Whoever moves the clock pays. Too little to count stays for the next one.
        if earned > 0 && self.paid.compare_exchange(paid, now, AcqRel, Relaxed).is_ok() {
            self.pay(u64::try_from(earned).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn take(&self) -> bool {
        self.balance.fetch_update(AcqRel, Acquire, |balance| balance.checked_sub(RETRY)).is_ok()
    }

    fn pay(&self, amount: u64) {
        // A full bucket is only read, so that good calls on many threads share its cache line.
        let _ = self.balance.fetch_update(AcqRel, Relaxed, |balance| {
            (balance < self.full).then(|| balance.saturating_add(amount).min(self.full))
        });
    }
}

impl Budget for RetryBudget {
    #[inline]
    fn deposit(&self) {
        self.pay(self.deposit);
    }

    fn withdraw(&self) -> bool {
        self.pay_for_time();
        self.take()
    }
}

impl Default for RetryBudget {
    /// 20 % of the calls, plus 10 a second, and at most 100 at once.
    ///
    /// Finagle's numbers, which are also tower's: 20 % and 10 a second, of which ten seconds may come at once. (AWS's
    /// clients, too, begin with 100 retries.)
    fn default() -> Self {
        Self::unchecked(0.2, 10, 100)
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryBudget")
            .field("available", &self.available())
            .field("burst", &(self.full / RETRY))
            .field("share", &(self.deposit as f64 / RETRY as f64))
            .field("per_second", &self.per_second)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Tokio's clock outside of a runtime does not pause.
    fn paused<T>(test: impl AsyncFnOnce() -> T) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime without a driver");
        runtime.block_on(test())
    }

    proptest! {
        /// In any stretch of time: `burst`, `per_second` for each second, and `share` of the calls that ended in it.
        #[test]
        fn no_stretch_of_time_has_more_retries_than_the_budget_says(
            share in 0.0..2.0_f64,
            per_second in 0..50_u32,
            burst in 1..50_u32,
            steps in prop::collection::vec((0..300_u64, any::<bool>()), 1..400),
        ) {
            // (time in ms, calls so far, retries so far), after each step
            let seen = paused(async || {
                let budget = RetryBudget::new(share, per_second, burst).unwrap();
                let mut seen = vec![(0, 0_u64, 0_u64)];
                for (wait, fails) in steps {
                    let (mut at, mut calls, mut retries) = *seen.last().unwrap();
                    // Most calls come at once.
                    if wait < 100 {
                        tokio::time::advance(Duration::from_millis(wait)).await;
                        at += wait;
                    }
                    budget.deposit();
                    calls += 1;
                    while fails && budget.withdraw() {
                        retries += 1;
                    }
                    seen.push((at, calls, retries));
                }
                seen
            });
            for (index, (start, calls, retries)) in seen.iter().enumerate() {
                for (end, calls_by_then, retries_by_then) in &seen[index..] {
                    let earned = f64::from(per_second) * (end - start) as f64 / 1_000.0
                        + share * (calls_by_then - calls) as f64;
                    let granted = (retries_by_then - retries) as f64;
                    prop_assert!(granted <= f64::from(burst) + earned + 0.01, "{} of {}", granted, earned);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_pays_the_minimum_even_in_small_change() {
        let budget = RetryBudget::new(0.0, 10, 5).unwrap();
        for _ in 0..5 {
            assert!(budget.withdraw());
        }
        for _ in 0..99 {
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(!budget.withdraw());
        }
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(budget.withdraw() && !budget.withdraw());
        // A day of quiet fills it, and no more.
        tokio::time::advance(86_400 * SECOND).await;
        assert_eq!(budget.available(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn moments_too_short_to_earn_anything_add_up() {
        let budget = RetryBudget::new(0.0, 1, 1).unwrap();
        assert!(budget.withdraw());
        for _ in 0..2_000 {
            tokio::time::advance(Duration::from_nanos(600)).await;
            assert!(!budget.withdraw());
        }
        // Of 1.2 ms at most a part of each microsecond is lost.
        let paid = budget.balance.load(Relaxed);
        assert!((1_000..=1_200).contains(&paid), "{paid}");
    }

    #[tokio::test(start_paused = true)]
    async fn threads_together_get_no_more_than_one_would() {
        let budget = RetryBudget::new(0.5, 0, 1_000).unwrap();
        let granted: usize = std::thread::scope(|scope| {
            let work = || {
                let one = |_: &u32| {
                    budget.deposit();
                    budget.withdraw() && budget.withdraw()
                };
                (0..4_000).filter(one).count()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // 8,000 came in beside the 1,000 that were there.
        assert!(granted <= 4_500, "{granted}");
    }

    #[test]
    fn a_clock_is_not_needed_to_make_one() {
        assert!(RetryBudget::default().withdraw());
    }
}
