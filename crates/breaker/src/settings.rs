//! The policy as calls read it: numbers in atomics, so that no call waits for a change of policy.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use buttress_call::Kind;

use crate::{
    policy::{Policy, SlowerThan, micros, millis},
    window::BUCKETS,
};

/// In microseconds: nothing is slow below it by the baseline, because a busy machine's own noise lives there.
const SLOW_FLOOR: u64 = 50_000;

/// A call that reads while the policy changes may see some numbers of each; a change starts a new generation, so that
/// lasts for no longer than this one call.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// Zero: not counted.
    consecutive: AtomicU32,
    /// One bit per kind.
    counted: AtomicU32,
    bucket_ms: AtomicU64,
    /// Whether times to first content are looked at: the one thing that every call asks.
    times: AtomicBool,
    /// Microseconds. Zero: a factor of the baseline.
    slow_fixed: AtomicU64,
    slow_factor: AtomicU64,
}

impl Settings {
    pub(crate) fn new(policy: &Policy) -> Self {
        let settings = Settings::default();
        settings.set(policy, counted(policy));
        settings
    }

    /// `counted` is what [`counted`] says of the policy; it is asked beforehand, because it runs a user's function.
    pub(crate) fn set(&self, policy: &Policy, counted: u32) {
        self.consecutive.store(policy.consecutive_failures.unwrap_or(0), Relaxed);
        self.counted.store(counted, Relaxed);
        self.bucket_ms.store(millis(policy.window).div_ceil(BUCKETS), Relaxed);
        match policy.slow_rate.map(|slow| slow.than) {
            Some(SlowerThan::Fixed(limit)) => self.slow_fixed.store(micros(limit), Relaxed),
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

    #[inline]
    pub(crate) fn times(&self) -> bool {
        self.times.load(Relaxed)
    }

    /// What is slow, in microseconds, given the usual time. `None` if that is asked for and not known yet.
    pub(crate) fn slow_limit(&self, usual: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let fixed = self.slow_fixed.load(Relaxed);
        if fixed > 0 {
            return Some(fixed);
        }
        // The cast saturates.
        let limit = usual()? as f64 * f64::from_bits(self.slow_factor.load(Relaxed));
        Some((limit as u64).max(SLOW_FLOOR))
    }
}

/// The kinds that count as failures, one bit each.
pub(crate) fn counted(policy: &Policy) -> u32 {
    Kind::ALL.into_iter().filter(|kind| (policy.counts)(*kind)).map(bit).sum()
}

fn bit(kind: Kind) -> u32 {
    1 << (kind as u32)
}
