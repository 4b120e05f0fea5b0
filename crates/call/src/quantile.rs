//! A quantile of the recent past, cheap enough to ask on every call.

use std::{
    fmt,
    sync::atomic::Ordering::{Acquire, Relaxed, Release},
    time::Duration,
};

// Not where another crate's model is explored: 9 KiB of atomics are too many for one.
#[cfg(all(test, buttress_loom))]
use loom::sync::{
    Mutex,
    atomic::{AtomicU32, AtomicU64},
};
#[cfg(not(all(test, buttress_loom)))]
use std::sync::{
    Mutex,
    atomic::{AtomicU32, AtomicU64},
};

use crate::buckets;

/// Loom explores few values of few sizes.
const BUCKETS: usize = if cfg!(all(test, buttress_loom)) { 4 } else { buckets::COUNT };

/// The cached quantile is computed again after this many records.
const REFRESH: u64 = 16;

/// A running quantile over the latest values: two histograms of half a window each, the older one thrown away when
/// the younger is full. So between half a window and a whole one is remembered.
///
/// Recording is a few relaxed atomic additions, asking is one load; nothing is allocated after construction (about 9
/// KiB). A value is known to within 1/32. Record a call that was given up at the age it had: leaving such calls out
/// biases the quantile low.
///
/// ```
/// use buttress_call::RunningQuantile;
///
/// let p95 = RunningQuantile::new(0.95, 1_000)?;
/// for tokens in 1..=100 {
///     p95.record(tokens);
/// }
/// assert_eq!(p95.value(200), None); // too few samples to say
/// let value = p95.value(50).unwrap();
/// assert!((90..=100).contains(&value), "{value}");
/// # Ok::<(), buttress_call::InvalidQuantile>(())
/// ```
pub struct RunningQuantile {
    quantile: f64,
    half_window: u64,
    halves: [Half; 2],
    /// Which half is the younger one; it flips at each rotation.
    rotations: AtomicU64,
    /// The cached quantile plus one; zero while there is none.
    cached: AtomicU64,
    maintenance: Mutex<()>,
}

struct Half {
    count: AtomicU64,
    buckets: Box<[AtomicU32]>,
}

/// Why a [`RunningQuantile`] could not be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidQuantile {
    quantile: f64,
    window: u32,
}

impl fmt::Display for InvalidQuantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidQuantile { quantile, window } = self;
        write!(
            f,
            "quantile {quantile} over a window of {window}: it must lie between 0 and 1, the window be at least 2"
        )
    }
}

impl std::error::Error for InvalidQuantile {}

impl RunningQuantile {
    /// The quantile `quantile` (between 0 and 1, neither included) of the last `window` values (2 or more).
    pub fn new(quantile: f64, window: u32) -> Result<Self, InvalidQuantile> {
        if !(quantile > 0.0 && quantile < 1.0) || window < 2 {
            return Err(InvalidQuantile { quantile, window });
        }
        let half =
            || Half { count: AtomicU64::new(0), buckets: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect() };
        Ok(RunningQuantile {
            quantile,
            half_window: u64::from(window / 2),
            halves: [half(), half()],
            rotations: AtomicU64::new(0),
            cached: AtomicU64::new(0),
            maintenance: Mutex::new(()),
        })
    }

    /// Adds a value.
    pub fn record(&self, value: u64) {
        let younger = self.younger();
        younger.buckets[buckets::of(value)].fetch_add(1, Relaxed);
        let count = younger.count.fetch_add(1, Relaxed) + 1;
        if count >= self.half_window || count.is_multiple_of(REFRESH) || self.samples() <= 4 * REFRESH {
            self.maintain();
        }
    }

    /// Adds a duration; asked for with [`duration`](RunningQuantile::duration). Known to the microsecond.
    pub fn record_duration(&self, value: Duration) {
        self.record(u64::try_from(value.as_micros()).unwrap_or(u64::MAX));
    }

    /// The quantile, or `None` before `min_samples` values are remembered.
    pub fn value(&self, min_samples: u64) -> Option<u64> {
        // The samples are only counted when there is something to say.
        let value = self.cached.load(Relaxed).checked_sub(1)?;
        (self.samples() >= min_samples).then_some(value)
    }

    /// The quantile of durations, or `None` before `min_samples` values are remembered.
    pub fn duration(&self, min_samples: u64) -> Option<Duration> {
        self.value(min_samples).map(Duration::from_micros)
    }

    /// How many values are remembered.
    pub fn samples(&self) -> u64 {
        self.halves.iter().map(|half| half.count.load(Relaxed)).sum()
    }

    fn younger(&self) -> &Half {
        // Who finds the younger half here finds it emptied.
        &self.halves[(self.rotations.load(Acquire) & 1) as usize]
    }

    /// Computes the cached value again, and rotates when the younger half is full. Whoever finds another at it goes
    /// on: the other does the same work.
    fn maintain(&self) {
        let Ok(_guard) = self.maintenance.try_lock() else { return };
        self.cached.store(self.compute() + 1, Relaxed);
        let rotations = self.rotations.load(Relaxed);
        if self.halves[(rotations & 1) as usize].count.load(Relaxed) >= self.half_window {
            let older = &self.halves[((rotations + 1) & 1) as usize];
            for bucket in &older.buckets {
                bucket.store(0, Relaxed);
            }
            older.count.store(0, Relaxed);
            self.rotations.store(rotations + 1, Release);
        }
    }

    fn compute(&self) -> u64 {
        let [a, b] = &self.halves;
        let counts =
            a.buckets.iter().zip(&b.buckets).map(|(a, b)| u64::from(a.load(Relaxed) + b.load(Relaxed)));
        buckets::quantile(counts, self.quantile).unwrap_or(0)
    }
}

impl fmt::Debug for RunningQuantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunningQuantile")
            .field("quantile", &self.quantile)
            .field("value", &self.value(1))
            .field("samples", &self.samples())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, buttress_loom))]
mod loom_tests;

#[cfg(all(test, not(buttress_loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_name() {
        for (quantile, window) in [(0.0, 100), (1.0, 100), (f64::NAN, 100), (-0.5, 100), (0.5, 1)] {
            let error = RunningQuantile::new(quantile, window).unwrap_err().to_string();
            assert!(error.contains(&quantile.to_string()) && error.contains(&window.to_string()), "{error}");
        }
    }

    #[test]
    fn old_values_are_forgotten_within_a_window() {
        let median = RunningQuantile::new(0.5, 200).unwrap();
        (0..1_000).for_each(|_| median.record(1_000));
        (0..200).for_each(|_| median.record(10));
        assert_eq!(median.value(1), Some(10));
        assert!(median.samples() <= 200);
    }

    #[test]
    fn it_says_nothing_before_the_first_value() {
        let p95 = RunningQuantile::new(0.95, 1_000).unwrap();
        assert_eq!(p95.value(0), None);
        p95.record_duration(Duration::from_secs(2));
        let near = p95.duration(1).unwrap().as_secs_f64();
        assert!((near - 2.0).abs() < 0.07, "{near}");
    }

    proptest! {
        #[test]
        fn it_is_near_the_exact_quantile(values in prop::collection::vec(1_u64..10_000_000, 64..400), q in 0.05_f64..0.99) {
            let running = RunningQuantile::new(q, 1_000_000).unwrap();
            for value in &values {
                running.record(*value);
            }
            running.maintain();
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len()) - 1;
            let (low, width) = buckets::bounds(buckets::of(sorted[rank]));
            let got = running.value(1).unwrap();
            prop_assert!((low..=low + width).contains(&got), "{} not in the bucket of {}", got, sorted[rank]);
        }
    }
}
