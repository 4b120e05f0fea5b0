//! The policy as the closed circuit reads it: numbers in atomics, so that no call waits for a change of policy.

use std::{
    sync::atomic::{
        AtomicBool, AtomicU32, AtomicU64,
        Ordering::{Acquire, Relaxed, Release},
    },
    time::Duration,
};

use buttress_call::Kind;

use crate::{
    policy::{Policy, Rate, SlowerThan, millis},
    window::BUCKETS,
};

/// Nothing is called slow below this, where a busy machine's own noise lives.
const SLOW_FLOOR: Duration = Duration::from_millis(50);

/// A call that reads while the policy changes may see some numbers of each; a change starts a new generation, so that
/// lasts for no longer than this one call.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Zero: not counted.
    consecutive: AtomicU32,
    /// One bit per kind.
    counted: AtomicU32,
    bucket_ms: AtomicU64,
    failure_rate: RateCell,
    slow_rate: RateCell,
    /// Whether times to first content are looked at: the one thing that every call asks.
    times: AtomicBool,
    /// Microseconds. Zero: a factor of the baseline.
    slow_fixed: AtomicU64,
    slow_factor: AtomicU64,
}

impl Settings {
    pub(crate) fn new(policy: &Policy) -> Self {
        let settings = Settings {
            consecutive: AtomicU32::new(0),
            counted: AtomicU32::new(0),
            bucket_ms: AtomicU64::new(1),
            failure_rate: RateCell::default(),
            slow_rate: RateCell::default(),
            times: AtomicBool::new(false),
            slow_fixed: AtomicU64::new(0),
            slow_factor: AtomicU64::new(0),
        };
        settings.set(policy, counted(policy));
        settings
    }

    /// `counted` is what [`counted`] says of the policy; it is asked beforehand, because it runs a user's function.
    pub(crate) fn set(&self, policy: &Policy, counted: u32) {
        self.consecutive.store(policy.consecutive_failures.unwrap_or(0), Relaxed);
        self.counted.store(counted, Relaxed);
        self.bucket_ms.store(millis(policy.window).div_ceil(BUCKETS), Relaxed);
        self.failure_rate.set(policy.failure_rate);
        self.slow_rate.set(policy.slow_rate.map(|slow| slow.rate));
        match policy.slow_rate.map(|slow| slow.than) {
            Some(SlowerThan::Fixed(limit)) => {
                self.slow_fixed.store(u64::try_from(limit.as_micros()).unwrap_or(u64::MAX), Relaxed);
            }
            Some(SlowerThan::Baseline(factor)) => {
                self.slow_fixed.store(0, Relaxed);
                self.slow_factor.store(factor.to_bits(), Relaxed);
            }
            None => {}
        }
        self.times.store(policy.slow_rate.is_some(), Relaxed);
    }

    pub(crate) fn consecutive(&self) -> Option<u32> {
        Some(self.consecutive.load(Relaxed)).filter(|failures| *failures > 0)
    }

    pub(crate) fn counts(&self, kind: Kind) -> bool {
        self.counted.load(Relaxed) & bit(kind) != 0
    }

    pub(crate) fn bucket_ms(&self) -> u64 {
        self.bucket_ms.load(Relaxed)
    }

    pub(crate) fn failure_rate(&self) -> &RateCell {
        &self.failure_rate
    }

    pub(crate) fn slow_rate(&self) -> &RateCell {
        &self.slow_rate
    }

    pub(crate) fn times(&self) -> bool {
        self.times.load(Relaxed)
    }

    /// What is slow, given a way to ask for the usual time on so many samples.
    pub(crate) fn slow_limit(&self, usual: impl FnOnce(u32) -> Option<Duration>) -> Option<Duration> {
        let fixed = self.slow_fixed.load(Relaxed);
        if fixed > 0 {
            return Some(Duration::from_micros(fixed));
        }
        let usual = usual(self.slow_rate.minimum.load(Relaxed))?;
        let limit = usual.as_secs_f64() * f64::from_bits(self.slow_factor.load(Relaxed));
        Some(Duration::try_from_secs_f64(limit).unwrap_or(Duration::MAX).max(SLOW_FLOOR))
    }
}

/// A [`Rate`] in atomics.
#[derive(Debug, Default)]
pub(crate) struct RateCell {
    /// Bits of an `f64`.
    share: AtomicU64,
    /// Zero: no rate.
    minimum: AtomicU32,
}

impl RateCell {
    fn set(&self, rate: Option<Rate>) {
        if let Some(rate) = rate {
            self.share.store(rate.share.to_bits(), Relaxed);
        }
        self.minimum.store(rate.map_or(0, |rate| rate.minimum), Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.minimum.load(Relaxed) > 0
    }

    pub(crate) fn get(&self) -> Option<Rate> {
        let minimum = self.minimum.load(Acquire);
        (minimum > 0).then(|| Rate { share: f64::from_bits(self.share.load(Relaxed)), minimum })
    }
}

/// The kinds that count as failures, one bit each.
pub(crate) fn counted(policy: &Policy) -> u32 {
    Kind::ALL.into_iter().filter(|kind| (policy.counts)(*kind)).map(bit).sum()
}

fn bit(kind: Kind) -> u32 {
    1 << (kind as u32)
}
