//! A breaker's policy.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time;
use crate::{
    breaker::{OpenFor, Policy, Rate, Slow, SlowerThan},
    control::Refused,
};

/// A breaker's thresholds, as in [`Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BreakerNumbers {
    /// So many failures in a row open it.
    pub consecutive_failures: Option<u32>,
    /// Such a share of failures in the window opens it.
    pub failure_rate: Option<RateNumbers>,
    /// Such a share of slow first contents in the window opens it.
    pub slow_rate: Option<SlowNumbers>,
    /// The window of both rates.
    pub window_seconds: f64,
    /// How long it stays open; with `open_max_seconds` the first such time, of which half to all is waited.
    pub open_seconds: f64,
    /// Up to where the open time doubles, each time that a probe fails. Without: it stays the same.
    pub open_max_seconds: Option<f64>,
    /// The longest open time that a provider's hint can ask for.
    pub max_hint_seconds: f64,
    /// So many probes at once, and so many successes close it.
    pub probes: u32,
    /// How long a probe keeps its slot.
    pub probe_lease_seconds: f64,
}

/// A share of the calls in the window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateNumbers {
    /// The share that opens the circuit, above 0 and at most 1.
    pub share: f64,
    /// Below so many calls the share says nothing.
    pub minimum: u32,
}

/// A share of slow calls: one of `than_seconds` and `than_times_usual` says what slow is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowNumbers {
    /// Slower than this to the first content.
    pub than_seconds: Option<f64>,
    /// Slower than so many times the usual.
    pub than_times_usual: Option<f64>,
    /// The share that opens the circuit, above 0 and at most 1.
    pub share: f64,
    /// Below so many calls the share says nothing.
    pub minimum: u32,
}

impl From<Policy> for BreakerNumbers {
    fn from(policy: Policy) -> Self {
        let (open, open_max) = match policy.open {
            OpenFor::Fixed(open) => (open, None),
            OpenFor::Backoff { min, max } => (min, Some(max)),
        };
        let slow = |Slow { than, rate: Rate { share, minimum } }| {
            let (than_seconds, than_times_usual) = match than {
                SlowerThan::Fixed(limit) => (Some(limit.as_secs_f64()), None),
                SlowerThan::Baseline(factor) => (None, Some(factor)),
            };
            SlowNumbers { than_seconds, than_times_usual, share, minimum }
        };
        BreakerNumbers {
            consecutive_failures: policy.consecutive_failures,
            failure_rate: policy.failure_rate.map(|Rate { share, minimum }| RateNumbers { share, minimum }),
            slow_rate: policy.slow_rate.map(slow),
            window_seconds: policy.window.as_secs_f64(),
            open_seconds: open.as_secs_f64(),
            open_max_seconds: open_max.map(|max| max.as_secs_f64()),
            max_hint_seconds: policy.max_hint.as_secs_f64(),
            probes: policy.probes,
            probe_lease_seconds: policy.probe_lease.as_secs_f64(),
        }
    }
}

impl BreakerNumbers {
    /// The policy with these numbers, and all else as in `base`. An error if a time is no time, or slow is not said once.
    pub fn policy(self, base: Policy) -> Result<Policy, Refused> {
        let (min, max) = match base.open {
            OpenFor::Fixed(open) => (open, open),
            OpenFor::Backoff { min, max } => (min, max),
        };
        let open = time("open_seconds", self.open_seconds, min)?;
        let open = match self.open_max_seconds {
            None => OpenFor::Fixed(open),
            Some(new) => OpenFor::Backoff { min: open, max: time("open_max_seconds", new, max)? },
        };
        let rate = |RateNumbers { share, minimum }| Rate { share, minimum };
        Ok(Policy {
            consecutive_failures: self.consecutive_failures,
            failure_rate: self.failure_rate.map(rate),
            slow_rate: self.slow_rate.map(|slow| slow.rate(base.slow_rate)).transpose()?,
            window: time("window_seconds", self.window_seconds, base.window)?,
            open,
            max_hint: time("max_hint_seconds", self.max_hint_seconds, base.max_hint)?,
            probes: self.probes,
            probe_lease: time("probe_lease_seconds", self.probe_lease_seconds, base.probe_lease)?,
            counts: base.counts,
        })
    }
}

impl SlowNumbers {
    fn rate(self, base: Option<Slow>) -> Result<Slow, Refused> {
        let SlowNumbers { than_seconds, than_times_usual, share, minimum } = self;
        let old = match base.map(|slow| slow.than) {
            Some(SlowerThan::Fixed(limit)) => limit,
            _ => Duration::ZERO,
        };
        let than = match (than_seconds, than_times_usual) {
            (Some(new), None) => SlowerThan::Fixed(time("slow_rate.than_seconds", new, old)?),
            (None, Some(factor)) => SlowerThan::Baseline(factor),
            (given, _) => {
                let what = "slow_rate.than_seconds and than_times_usual";
                let value = if given.is_some() { "both" } else { "none" };
                return Err(Refused::number(what, &value, "one of the two must be given"));
            }
        };
        Ok(Slow { than, rate: Rate { share, minimum } })
    }
}
