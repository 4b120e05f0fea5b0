//! When a second try is worth it.

use std::{fmt, time::Duration};

/// The numbers of a [`HedgeLayer`](crate::HedgeLayer). A plain value: change what you need, keep the rest.
///
/// ```
/// use std::time::Duration;
/// use buttress_hedge::{Delay, Policy};
///
/// let policy = Policy { delay: Delay::After(Duration::from_secs(2)), ..Policy::default() };
/// # let _ = policy;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// The share of calls that may be tried twice, above 0 and at most 1. Default: 0.05.
    ///
    /// It is kept by a bucket: every call that may be hedged adds this much to it, and a hedge takes 1.
    pub budget: f64,
    /// How many hedges may be sent in a burst: what the bucket holds, and what is in it at first. At least 1. Default: 10.
    pub burst: f64,
    /// When a call counts as slow. Default: learnt.
    pub delay: Delay,
    /// How many hedges one call may have, each a delay after the one before. At least 1. Default: 1.
    pub max_hedges: u32,
}

/// When a call counts as slow.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delay {
    /// At the (1 - budget) quantile of the time to first content, over the last `window` calls: so the slowest 5 % are
    /// hedged where the budget is 5 %.
    Learnt {
        /// How many calls are remembered: between half of this and all of it. At least 2.
        window: u32,
        /// Nothing counts as slow before so many calls are remembered. At most half the window.
        min_samples: u32,
        /// The shortest delay. Above zero.
        floor: Duration,
    },
    /// After this long. Above zero. A provider that is slow as a whole is then hedged up to the budget.
    After(Duration),
}

impl Delay {
    /// A window of 1,000 calls, 50 samples at least, no sooner than after 50 ms.
    ///
    /// A quantile of 0.95 over fewer samples is noise; below 50 ms a second request costs more than it saves.
    pub const LEARNT: Delay =
        Delay::Learnt { window: 1_000, min_samples: 50, floor: Duration::from_millis(50) };
}

impl Default for Policy {
    /// A budget of 5 %, a burst of 10, a learnt delay ([`Delay::LEARNT`]), one hedge a call.
    fn default() -> Self {
        Policy { budget: 0.05, burst: 10.0, delay: Delay::LEARNT, max_hedges: 1 }
    }
}

impl Policy {
    /// The default with this share of calls tried twice.
    pub fn budget(share: f64) -> Self {
        Policy { budget: share, ..Policy::default() }
    }

    /// The default with a fixed delay.
    pub fn after(delay: Duration) -> Self {
        Policy { delay: Delay::After(delay), ..Policy::default() }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidPolicy> {
        let rule = |ok, field, value: &dyn fmt::Debug, rule| {
            if ok { Ok(()) } else { Err(InvalidPolicy { field, value: format!("{value:?}"), rule }) }
        };
        rule(
            self.budget > 0.0 && self.budget <= 1.0,
            "budget",
            &self.budget,
            "it must be above 0 and at most 1",
        )?;
        rule(
            self.burst >= 1.0 && self.burst <= 1e9,
            "burst",
            &self.burst,
            "it must lie between 1 and a thousand million",
        )?;
        rule(self.max_hedges > 0, "max_hedges", &self.max_hedges, "it must be at least 1")?;
        match self.delay {
            Delay::After(delay) => rule(!delay.is_zero(), "delay", &delay, "it must be above zero"),
            Delay::Learnt { window, min_samples, floor } => {
                rule(self.budget < 1.0, "budget", &self.budget, "a learnt delay needs one below 1")?;
                rule(window >= 2, "delay.window", &window, "it must be at least 2")?;
                rule(
                    min_samples <= window / 2,
                    "delay.min_samples",
                    &min_samples,
                    "it must be at most half the window",
                )?;
                rule(!floor.is_zero(), "delay.floor", &floor, "it must be above zero")
            }
        }
    }
}

/// Why a [`Policy`] makes no sense: which field breaks which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy {
    field: &'static str,
    value: String,
    rule: &'static str,
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is {}: {}", self.field, self.value, self.rule)
    }
}

impl std::error::Error for InvalidPolicy {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_by_name_and_value() {
        let learnt = |window, min_samples, floor| Policy {
            delay: Delay::Learnt { window, min_samples, floor },
            ..Policy::default()
        };
        let second = Duration::from_secs(1);
        for (policy, field, value) in [
            (Policy::budget(0.0), "budget", "0.0"),
            (Policy::budget(f64::NAN), "budget", "NaN"),
            (Policy::budget(1.5), "budget", "1.5"),
            (Policy::budget(1.0), "budget", "1.0"),
            (Policy { burst: 0.5, ..Policy::default() }, "burst", "0.5"),
            (Policy { burst: f64::INFINITY, ..Policy::default() }, "burst", "inf"),
            (Policy { max_hedges: 0, ..Policy::default() }, "max_hedges", "0"),
            (Policy::after(Duration::ZERO), "delay", "0ns"),
            (learnt(1, 0, second), "delay.window", "1"),
            (learnt(100, 51, second), "delay.min_samples", "51"),
            (learnt(100, 50, Duration::ZERO), "delay.floor", "0ns"),
        ] {
            let error = policy.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{field}` is {value}: ")), "{error}");
        }
        assert_eq!(Policy::default().check(), Ok(()));
        assert_eq!(Policy { budget: 1.0, ..Policy::after(second) }.check(), Ok(()));
    }
}
