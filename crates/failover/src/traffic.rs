//! What a target's calls say of it: how many there are, how fast it is, how often it fails.
//!
//! A call that resolves at its first poll never went over a network: it is not in flight for anybody to see, and its
//! time says nothing. So the clock is read, and the counter moved, only once a call is pending.

mod ratio;
mod speed;

use std::{
    sync::atomic::Ordering::{AcqRel, Relaxed},
    time::Duration,
};

use buttress_call::Kind;
use tokio::time::Instant;

use self::{ratio::FailureRatio, speed::Speed};
use crate::sync::AtomicU32;

/// What a failure counts as, in time to first content: the longest that the time-out layer's own limit waits for one
/// (4 x p95, clamped to 3 to 10 s). A target that fails fast must not look like a fast target.
const FAILURE_COST: Duration = Duration::from_secs(10);

pub(crate) struct Traffic {
    base: Instant,
    in_flight: AtomicU32,
    speed: Speed,
    failures: FailureRatio,
}

impl Traffic {
    pub(crate) fn new() -> Self {
        Traffic {
            base: Instant::now(),
            in_flight: AtomicU32::new(0),
            speed: Speed::default(),
            failures: FailureRatio::default(),
        }
    }

    pub(crate) fn enter(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// The calls that are left. Acquire: see [`publish`](Traffic::publish).
    pub(crate) fn leave(&self) -> u32 {
        self.in_flight.fetch_sub(1, AcqRel) - 1
    }

    /// A call that leaves after this sees what was written before it; one that has left is counted no more.
    pub(crate) fn publish(&self) {
        self.in_flight.fetch_add(0, AcqRel);
    }

    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// A call brought its first content after this time, if that is known, as was seen at this moment.
    #[inline]
    pub(crate) fn succeeded(&self, first_content: Option<(Duration, Instant)>) {
        if let Some((time, now)) = first_content {
            self.speed.record(time, self.ticks_at(now));
        }
        if self.failures.any() {
            self.failures.record(false, self.ticks());
        }
    }

    /// A call failed; whether that is the target's fault. What the request brought with it is not, and what this side
    /// refused says nothing of the target's reliability.
    pub(crate) fn failed(&self, kind: Kind) -> bool {
        if matches!(kind, Kind::Filtered | Kind::Invalid | Kind::ContextTooLong | Kind::NotFound) {
            return false;
        }
        self.speed.at_least(FAILURE_COST, self.ticks());
        if kind != Kind::Rejected {
            self.failures.record(true, self.ticks());
        }
        true
    }

    /// A call was given up at this age: its time to first content would have been longer.
    pub(crate) fn given_up(&self, age: Duration) {
        self.speed.at_least(age, self.ticks());
    }

    /// The estimate of the time to first content; `None` before the first call.
    pub(crate) fn first_content(&self) -> Option<Duration> {
        self.speed.get(|| self.ticks())
    }

    /// Between 0 and 1.
    pub(crate) fn success_rate(&self) -> f64 {
        1.0 - self.failures.get(|| self.ticks())
    }

    /// Hundredths of a second since the target was made: 497 days in 32 bits, after which estimates start anew.
    fn ticks(&self) -> u32 {
        self.ticks_at(Instant::now())
    }

    fn ticks_at(&self, now: Instant) -> u32 {
        let age = now.saturating_duration_since(self.base);
        (age.as_secs() * 100 + u64::from(age.subsec_millis() / 10)) as u32
    }
}

const TICKS_PER_SECOND: f64 = 100.0;

/// What is left of an estimate after a time, as its weight falls to 1/e in `seconds`.
fn decay(from: u32, to: u32, seconds: f64) -> f64 {
    (-f64::from(to.saturating_sub(from)) / (seconds * TICKS_PER_SECOND)).exp()
}

fn pack(value: u32, ticks: u32) -> u64 {
    u64::from(value) << 32 | u64::from(ticks)
}

fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
