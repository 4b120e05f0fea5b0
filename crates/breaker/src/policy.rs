//! When a circuit opens, for how long, and what closes it again.

use std::{fmt, time::Duration};

use buttress_call::Kind;

use crate::jitter::Jitter;

/// The numbers of a circuit. A plain value: change what you need, keep the rest.
///
/// ```
/// use std::time::Duration;
/// use buttress_breaker::{OpenFor, Policy, Rate};
///
/// let policy = Policy {
///     failure_rate: Some(Rate { share: 0.5, minimum: 10 }),
///     open: OpenFor::Fixed(Duration::from_secs(5)),
///     probes: 1,
///     ..Policy::default()
/// };
/// # let _ = policy;
/// ```
///
/// At least one of `consecutive_failures`, `failure_rate` and `slow_rate` must be set; a circuit opens as soon as one of
/// them is met.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// So many failures in a row open the circuit; any success starts the count again. At least 1. Default: 5.
    ///
    /// Cancelled calls and failures that do not count neither add to it nor reset it.
    pub consecutive_failures: Option<u32>,
    /// Such a share of failed calls within `window` opens the circuit. Default: none.
    ///
    /// The ratio is exact: failures over successes and failures, without those that do not count.
    pub failure_rate: Option<Rate>,
    /// Such a share of calls with a slow first content within `window` opens the circuit. Default: none.
    pub slow_rate: Option<Slow>,
    /// The length of the rolling window of both rates, in ten buckets. At least 10 ms. Default: 30 s.
    ///
    /// It slides by a bucket at a time, as linkerd's does, so it remembers between nine and ten tenths of this.
    pub window: Duration,
    /// How long the circuit stays open before it lets probes through. Default: 60 s, always.
    pub open: OpenFor,
    /// The longest wait that a failure's `retry_after` can turn the open time into. Zero ignores hints. Default: 5 min.
    pub max_hint: Duration,
    /// So many probes may be on their way at once while half-open, and so many successes close the circuit. One failure
    /// opens it again. At least 1. Default: 3.
    pub probes: u32,
    /// How long a probe keeps its slot. After that another call may take it. At least 1 ms. Default: 15 s.
    pub probe_lease: Duration,
    /// Which kinds count as failures. Asked once per kind, when the policy is set. Default: [`Kind::trips`].
    pub counts: fn(Kind) -> bool,
}

/// A share of the calls in the window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The share that opens the circuit, above 0 and at most 1.
    pub share: f64,
    /// Below so many calls in the window the share says nothing. At least 1.
    pub minimum: u32,
}

/// When a first content is slow, and which share of slow ones is too much.
///
/// The time counts from the send if somebody below ticks the attempt's [`Progress`](buttress_call::Progress), else from
/// the call. Calls whose [`Shape`](buttress_call::Shape) says that they do not stream are left out: a whole answer takes
/// as long as it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slow {
    /// What a slow first content is.
    pub than: SlowerThan,
    /// Which share of them opens the circuit.
    pub rate: Rate,
}

/// The measure of a slow first content.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SlowerThan {
    /// This long. At least 1 ms.
    Fixed(Duration),
    /// So many times the usual, which is learnt: a moving average of times to first content. Above 1.
    ///
    /// Nothing is slow before the rate's `minimum` (64 at most) have been seen, nor below 50 ms.
    Baseline(f64),
}

/// How long an open circuit stays open: never shorter, and at most a millisecond longer, than it says here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFor {
    /// Always this long. At least 1 ms.
    Fixed(Duration),
    /// Equal jitter: between t/2 and t, where t is `min` at first and doubles, up to `max`, each time that a probe fails.
    /// Closing starts it over.
    Backoff {
        /// The first t. At least 1 ms.
        min: Duration,
        /// The largest t. Not below `min`.
        max: Duration,
    },
}

impl Default for Policy {
    /// 5 failures in a row; open for 60 s; 3 probes with a lease of 15 s; a hint may extend the open time to 5 min.
    ///
    /// The first three are what gateways for LLMs commonly run with. Five in a row is also Finagle's number, as are the 5
    /// min (its longest time out of service); 60 s are also resilience4j's. The lease was chosen by simulation.
    fn default() -> Self {
        Policy {
            consecutive_failures: Some(5),
            failure_rate: None,
            slow_rate: None,
            window: Duration::from_secs(30),
            open: OpenFor::Fixed(Duration::from_secs(60)),
            max_hint: Duration::from_secs(300),
            probes: 3,
            probe_lease: Duration::from_secs(15),
            counts: Kind::trips,
        }
    }
}

impl Policy {
    /// For steady traffic: 5 failures in a row, or 50 % of at least 10 calls failed within 30 s, or 50 % of at least 10
    /// slower than 5 x the usual; open for 5 s doubling to 60 s with equal jitter; 3 probes with a lease of 15 s.
    ///
    /// The 50 % are resilience4j's, the first 5 s are Polly's; the rest was chosen by simulation. The slow rate is what
    /// sees a brownout: with a provider that became ten times slower, success was 87.9 % without it and 97.9 % with it.
    pub fn with_rates() -> Self {
        let rate = Rate { share: 0.5, minimum: 10 };
        Policy {
            failure_rate: Some(rate),
            slow_rate: Some(Slow { than: SlowerThan::Baseline(5.0), rate }),
            open: OpenFor::Backoff { min: Duration::from_secs(5), max: Duration::from_secs(60) },
            ..Policy::default()
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidPolicy> {
        let rule = |ok: bool, field, value: &dyn fmt::Debug, rule| {
            if ok { Ok(()) } else { Err(InvalidPolicy { field, value: format!("{value:?}"), rule }) }
        };
        if let Some(failures) = self.consecutive_failures {
            rule(failures > 0, "consecutive_failures", &failures, "must be at least 1")?;
        }
        if let Some(rate) = self.failure_rate {
            rate.check("failure_rate.share", "failure_rate.minimum")?;
        }
        if let Some(slow) = self.slow_rate {
            slow.rate.check("slow_rate.rate.share", "slow_rate.rate.minimum")?;
            match slow.than {
                SlowerThan::Fixed(limit) => {
                    rule(limit >= MS, "slow_rate.than", &limit, "must be at least 1 ms")?;
                }
                SlowerThan::Baseline(factor) => {
                    let ok = factor > 1.0 && factor.is_finite();
                    rule(ok, "slow_rate.than", &factor, "must be a finite factor above 1")?;
                }
            }
        }
        if self.consecutive_failures.is_none() && self.failure_rate.is_none() && self.slow_rate.is_none() {
            return Err(InvalidPolicy {
                field: "consecutive_failures, failure_rate and slow_rate",
                value: "None".to_owned(),
                rule: "at least one of the three must be set, or the circuit would never open",
            });
        }
        rule(self.window >= 10 * MS, "window", &self.window, "must be at least 10 ms")?;
        match self.open {
            OpenFor::Fixed(time) => rule(time >= MS, "open", &time, "must be at least 1 ms")?,
            OpenFor::Backoff { min, max } => {
                rule(min >= MS, "open.min", &min, "must be at least 1 ms")?;
                rule(max >= min, "open.max", &max, "must not be below open.min")?;
            }
        }
        rule(self.probes > 0, "probes", &self.probes, "must be at least 1")?;
        rule(self.probe_lease >= MS, "probe_lease", &self.probe_lease, "must be at least 1 ms")
    }
}

const MS: Duration = Duration::from_millis(1);

impl Rate {
    fn check(&self, share: &'static str, minimum: &'static str) -> Result<(), InvalidPolicy> {
        // NaN fails the comparison.
        if !(self.share > 0.0 && self.share <= 1.0) {
            let value = format!("{:?}", self.share);
            return Err(InvalidPolicy { field: share, value, rule: "must be above 0 and at most 1" });
        }
        if self.minimum == 0 {
            return Err(InvalidPolicy { field: minimum, value: "0".to_owned(), rule: "must be at least 1" });
        }
        Ok(())
    }
}

impl OpenFor {
    /// The open time in ms, after half-open has ended in open so many times in a row.
    pub(crate) fn millis(self, reopened: u32, jitter: &Jitter) -> u64 {
        match self {
            OpenFor::Fixed(time) => millis(time),
            OpenFor::Backoff { min, max } => {
                let t = min.saturating_mul(1_u32.checked_shl(reopened).unwrap_or(u32::MAX)).min(max);
                let t = millis(t);
                let half = t.div_ceil(2);
                half + jitter.up_to(t - half)
            }
        }
    }
}

/// Whole milliseconds, rounded up.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// Whole microseconds.
pub(crate) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Why a [`Policy`] was refused: the field, its value, and the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPolicy {
    field: &'static str,
    value: String,
    rule: &'static str,
}

impl InvalidPolicy {
    /// The field's name in the [`Policy`].
    pub fn field(&self) -> &'static str {
        self.field
    }

    /// Its value, as `Debug` writes it.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &'static str {
        self.rule
    }
}

impl fmt::Display for InvalidPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidPolicy { field, value, rule } = self;
        write!(f, "breaker policy: {field} = {value}: {rule}")
    }
}

impl std::error::Error for InvalidPolicy {}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_refused_with_the_field_the_value_and_the_rule() {
        let ok = Policy::with_rates;
        let rate = |share, minimum| Some(Rate { share, minimum });
        let slow =
            |than| Policy { slow_rate: Some(Slow { than, rate: Rate { share: 0.5, minimum: 10 } }), ..ok() };
        let backoff = |min, max| Policy { open: OpenFor::Backoff { min, max }, ..ok() };
        for (policy, message) in [
            (
                Policy { consecutive_failures: Some(0), ..ok() },
                "consecutive_failures = 0: must be at least 1",
            ),
            (
                Policy { consecutive_failures: None, failure_rate: None, slow_rate: None, ..ok() },
                "consecutive_failures, failure_rate and slow_rate = None: at least one",
            ),
            (
                Policy { failure_rate: rate(0.0, 10), ..ok() },
                "failure_rate.share = 0.0: must be above 0 and at most 1",
            ),
            (Policy { failure_rate: rate(1.5, 10), ..ok() }, "failure_rate.share = 1.5: must"),
            (Policy { failure_rate: rate(-0.5, 10), ..ok() }, "failure_rate.share = -0.5: must"),
            (Policy { failure_rate: rate(f64::NAN, 10), ..ok() }, "failure_rate.share = NaN: must"),
            (Policy { failure_rate: rate(0.5, 0), ..ok() }, "failure_rate.minimum = 0: must be at least 1"),
            (slow(SlowerThan::Baseline(1.0)), "slow_rate.than = 1.0: must be a finite factor above 1"),
            (slow(SlowerThan::Baseline(f64::INFINITY)), "slow_rate.than = inf: must"),
            (slow(SlowerThan::Baseline(f64::NAN)), "slow_rate.than = NaN: must"),
            (slow(SlowerThan::Fixed(Duration::ZERO)), "slow_rate.than = 0ns: must be at least 1 ms"),
            (Policy { window: 9 * MS, ..ok() }, "window = 9ms: must be at least 10 ms"),
            (Policy { open: OpenFor::Fixed(Duration::ZERO), ..ok() }, "open = 0ns: must be at least 1 ms"),
            (backoff(Duration::ZERO, MS), "open.min = 0ns: must be at least 1 ms"),
            (backoff(5 * MS, 4 * MS), "open.max = 4ms: must not be below open.min"),
            (Policy { probes: 0, ..ok() }, "probes = 0: must be at least 1"),
            (Policy { probe_lease: Duration::ZERO, ..ok() }, "probe_lease = 0ns: must be at least 1 ms"),
        ] {
            let error = policy.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("breaker policy: {message}")), "{error}");
        }
    }

    #[test]
    fn an_error_tells_its_parts() {
        let error = Policy { probes: 0, ..Policy::default() }.check().unwrap_err();
        assert_eq!((error.field(), error.value(), error.rule()), ("probes", "0", "must be at least 1"));
    }

    #[test]
    fn the_rates_are_those_that_the_docs_name() {
        let policy = Policy::with_rates();
        let rate = Rate { share: 0.5, minimum: 10 };
        assert_eq!(policy.failure_rate, Some(rate));
        assert_eq!(policy.slow_rate, Some(Slow { than: SlowerThan::Baseline(5.0), rate }));
        assert_eq!(policy.open, OpenFor::Backoff { min: 5_000 * MS, max: 60_000 * MS });
        assert_eq!((policy.consecutive_failures, policy.window), (Some(5), 30_000 * MS));
    }

    #[test]
    fn the_presets_are_valid() {
        Policy::default().check().unwrap();
        Policy::with_rates().check().unwrap();
    }

    #[test]
    fn jitter_reaches_both_ends_of_its_range_and_doubling_stops_at_the_cap() {
        let jitter = Jitter::from_entropy();
        let open = OpenFor::Backoff { min: 10 * MS, max: 35 * MS };
        for (reopened, t) in [(0, 10), (1, 20), (2, 35), (31, 35), (32, 35), (u32::MAX, 35)] {
            let drawn: Vec<_> = (0..2_000).map(|_| open.millis(reopened, &jitter)).collect();
            assert_eq!(drawn.iter().min(), Some(&u64::div_ceil(t, 2)), "after {reopened}");
            assert_eq!(drawn.iter().max(), Some(&t), "after {reopened}");
        }
    }

    #[test]
    fn the_longest_times_do_not_overflow() {
        let jitter = Jitter::from_entropy();
        let open = OpenFor::Backoff { min: Duration::MAX, max: Duration::MAX };
        assert!(open.millis(40, &jitter) >= u64::MAX / 2);
    }
}
