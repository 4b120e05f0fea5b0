//! Time to first content, as an average that fades.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use super::{decay, pack, unpack};

/// The decay of Finagle's and tower's `PeakEWMA`.
const DECAY_SECONDS: f64 = 10.0;

/// A moving average over about ten seconds, and no news is good news: the estimate falls while nobody asks, so that a
/// target that was slow is tried again. Only a bound, from a failure or a call that was given up, is believed at once.
/// (`PeakEWMA` believes every slow sample at once; with the heavy tails of time to first content that shuns healthy
/// replicas and loads the others: p99 3.0 instead of 1.7 s beside a replica 4 x slower.)
///
/// One word: microseconds (71 minutes at most) over ticks. Zero: no sample yet.
#[derive(Default)]
pub(super) struct Speed {
    word: AtomicU64,
}

impl Speed {
    pub(super) fn record(&self, sample: Duration, now: u32) {
        self.update(|word| {
            let (known, at) = unpack(word);
            // Of calls in one tick, the first counts.
            if word != 0 && now <= at {
                return None;
            }
            let sample = micros(sample);
            let left = if word == 0 { 0.0 } else { decay(at, now, DECAY_SECONDS) };
            let next = f64::from(sample) + (f64::from(known) - f64::from(sample)) * left;
            Some(pack((next as u32).max(1), now))
        });
    }

    /// A sample that counts as this long at least.
    pub(super) fn at_least(&self, sample: Duration, now: u32) {
        self.update(|word| {
            let sample = micros(sample);
            (sample > faded(word, now)).then(|| pack(sample, now))
        });
    }

    pub(super) fn get(&self, now: impl FnOnce() -> u32) -> Option<Duration> {
        let word = self.word.load(Relaxed);
        (word != 0).then(|| Duration::from_micros(u64::from(faded(word, now()))))
    }

    fn update(&self, next: impl Fn(u64) -> Option<u64>) {
        // An update that was not made is told by its absence.
        let _ = self.word.fetch_update(Relaxed, Relaxed, next);
    }
}

fn faded(word: u64, now: u32) -> u32 {
    let (known, at) = unpack(word);
    (f64::from(known) * decay(at, now, DECAY_SECONDS)) as u32
}

/// At least one, so that a word with a sample is never zero.
fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn ten_seconds_bring_the_estimate_two_thirds_of_the_way() {
        for (from, to, expected) in [(4000, 500, 1788), (500, 4000, 2712)] {
            let speed = Speed::default();
            speed.record(ms(from), 1);
            speed.record(ms(to), 1001);
            let after = speed.get(|| 1001).unwrap();
            assert!((ms(expected - 2)..ms(expected + 2)).contains(&after), "{after:?}");
        }
    }

    #[test]
    fn without_samples_the_estimate_fades() {
        let speed = Speed::default();
        assert_eq!(speed.get(|| 0), None);
        speed.record(ms(4000), 1);
        assert!(speed.get(|| 3001).unwrap() < ms(200));
    }

    #[test]
    fn a_bound_is_believed_at_once_and_never_makes_a_target_look_faster() {
        let speed = Speed::default();
        speed.record(ms(4000), 1);
        speed.at_least(ms(100), 2);
        assert!(speed.get(|| 2).unwrap() > ms(3990));
        speed.at_least(ms(9000), 2);
        assert_eq!(speed.get(|| 2), Some(ms(9000)));
    }
}
