//! What a normal time to first content is: the measure for "slow".

use std::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Release},
};

const MICROS_BITS: u32 = 48;
const MICROS_MASK: u64 = (1 << MICROS_BITS) - 1;
/// An ordinary sample moves the average by 1/64 of its distance; the first 64 make a plain mean.
const WEIGHT: u64 = 64;
/// A slow sample moves it up by 1/256 of itself.
const SLOW_WEIGHT: u64 = 256;

/// A moving average of times to first content, in one atomic word: samples 16 bits | microseconds 48.
///
/// Slow samples must not raise it, or a brownout would soon count as normal; but a lasting change (another model, another
/// region) must, or the circuit would never close again. So each slow sample counts, but only a little: about 180 of
/// them double it, whatever their own size.
#[derive(Debug)]
pub(crate) struct Baseline {
    word: AtomicU64,
}

impl Baseline {
    pub(crate) fn new() -> Self {
        Baseline { word: AtomicU64::new(0) }
    }

    /// The average in microseconds, once it stands on this many samples.
    pub(crate) fn value(&self, min_samples: u32) -> Option<u64> {
        let (samples, micros) = unpack(self.word.load(Acquire));
        // The count stops at `WEIGHT`.
        (samples >= u64::from(min_samples).min(WEIGHT) && samples > 0).then_some(micros)
    }

    pub(crate) fn record(&self, micros: u64, slow: bool) {
        let sample = micros.min(MICROS_MASK);
        let _ = self.word.fetch_update(AcqRel, Acquire, |word| {
            let (samples, micros) = unpack(word);
            let (samples, micros) = if slow && samples > 0 {
                (samples, micros + (micros / SLOW_WEIGHT).max(1))
            } else if samples < WEIGHT {
                (samples + 1, (micros * samples + sample) / (samples + 1))
            } else {
                (samples, (micros * (WEIGHT - 1) + sample) / WEIGHT)
            };
            let next = (samples << MICROS_BITS) | micros.min(MICROS_MASK);
            // What is not written need not be fetched from the other thread that looks at it.
            (next != word).then_some(next)
        });
    }

    pub(crate) fn clear(&self) {
        self.word.store(0, Release);
    }
}

fn unpack(word: u64) -> (u64, u64) {
    (word >> MICROS_BITS, word & MICROS_MASK)
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn warm() -> Baseline {
        let baseline = Baseline::new();
        (0..100).for_each(|_| baseline.record(500 * MS, false));
        baseline
    }

    #[test]
    fn it_says_nothing_before_it_has_samples_enough() {
        let baseline = Baseline::new();
        assert_eq!(baseline.value(0), None);
        (0..9).for_each(|_| baseline.record(500 * MS, false));
        assert_eq!(baseline.value(10), None);
        baseline.record(500 * MS, false);
        assert_eq!(baseline.value(10), Some(500 * MS));
        (0..100).for_each(|_| baseline.record(500 * MS, false));
        assert!(baseline.value(u32::MAX).is_some(), "a large minimum is reached too");
    }

    #[test]
    fn the_first_sample_counts_whatever_it_is_called() {
        let baseline = Baseline::new();
        baseline.record(500 * MS, true);
        assert_eq!(baseline.value(1), Some(500 * MS));
    }

    #[test]
    fn the_sixty_fifth_sample_is_the_first_to_count_for_less_than_the_mean() {
        let baseline = Baseline::new();
        (0..64).for_each(|_| baseline.record(6_400, false));
        baseline.record(0, false);
        assert_eq!(baseline.value(1), Some(6_300));
    }

    #[test]
    fn it_follows_ordinary_samples() {
        let baseline = warm();
        (0..300).for_each(|_| baseline.record(250 * MS, false));
        let value = baseline.value(10).unwrap();
        assert!(value < 260 * MS, "{value:?}");
    }

    #[test]
    fn a_brownout_hardly_moves_it_but_a_lasting_change_does() {
        let baseline = warm();
        (0..15).for_each(|_| baseline.record(60_000 * MS, true));
        assert!(baseline.value(10).unwrap() < 535 * MS);
        (0..180).for_each(|_| baseline.record(60_000 * MS, true));
        assert!(baseline.value(10).unwrap() > 1_000 * MS);
    }
}
