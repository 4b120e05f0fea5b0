//! The share of calls that fail.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::{decay, pack, unpack};

/// The weight of one call: about the last ten count.
const WEIGHT: f64 = 0.1;
/// What failed a minute ago says little of now; without this, a target that gets no calls could never win them back.
const DECAY_SECONDS: f64 = 60.0;
/// Below this the word is zero again, so that a healthy target's calls write nothing.
const NOTHING: f64 = 0.001;

/// One word: the ratio in 2^-31 over ticks. Zero: none fails.
#[derive(Default)]
pub(super) struct FailureRatio {
    word: AtomicU64,
}

impl FailureRatio {
    #[inline]
    pub(super) fn any(&self) -> bool {
        self.word.load(Relaxed) != 0
    }

    #[cold]
    pub(super) fn record(&self, failed: bool, now: u32) {
        let next = |word| {
            let ratio = faded(word, now) * (1.0 - WEIGHT) + if failed { WEIGHT } else { 0.0 };
            Some(if ratio < NOTHING { 0 } else { pack((ratio * ONE) as u32, now) })
        };
        let _ = self.word.fetch_update(Relaxed, Relaxed, next);
    }

    pub(super) fn get(&self, now: impl FnOnce() -> u32) -> f64 {
        let word = self.word.load(Relaxed);
        if word == 0 { 0.0 } else { faded(word, now()) }
    }
}

const ONE: f64 = (1_u32 << 31) as f64;

fn faded(word: u64, now: u32) -> f64 {
    let (ratio, at) = unpack(word);
    f64::from(ratio) / ONE * decay(at, now, DECAY_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_the_share_of_failures_and_fades_without_calls() {
        let ratio = FailureRatio::default();
        for n in 0..1000 {
            ratio.record(n % 10 == 0, n);
        }
        let now = ratio.get(|| 1000);
        assert!((0.05..0.15).contains(&now), "{now}");
        assert!(ratio.get(|| 61_000) < 0.001);
    }

    #[test]
    fn enough_successes_leave_nothing_to_write() {
        let ratio = FailureRatio::default();
        ratio.record(true, 1);
        assert!(ratio.any());
        (0..50).for_each(|_| ratio.record(false, 1));
        assert!(!ratio.any());
    }
}
