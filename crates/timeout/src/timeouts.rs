//! The limits, and which of them make sense.

use std::{fmt, time::Duration};

/// The limits of a [`TimeoutLayer`](crate::TimeoutLayer). `None` switches a limit off.
///
/// The fields are all there is and all there will be within a major version, so write what you need and leave the
/// rest to [`Default`]:
///
/// ```
/// use std::time::Duration;
/// use buttress_timeout::{TimeLimit, Timeouts};
///
/// let timeouts = Timeouts {
///     first_content: Some(TimeLimit::adaptive()),
///     idle: Some(Duration::from_secs(30)),
///     ..Timeouts::default()
/// };
/// # let _ = timeouts;
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timeouts {
    /// From the call to the end of the body: waiting, upload, head and all. It becomes the deadline in the request's
    /// [`Call`](buttress_call::Call), which the layers inside read; an earlier deadline that is there already stays,
    /// and this layer keeps it too.
    pub total: Option<Duration>,
    /// Streams: from the send to the first content event.
    pub first_content: Option<TimeLimit>,
    /// Streams: from one content event to the next. Comments and pings are not content.
    pub idle: Option<Duration>,
    /// Whole answers: from the send to the end of the answer.
    pub answer: Option<TimeLimit>,
}

impl Default for Timeouts {
    /// A total of 10 minutes, and nothing else.
    ///
    /// Ten minutes is the OpenAI and Anthropic clients' own time-out. The other limits depend on the model, so nobody
    /// gets them unasked: a reasoning model may well be silent for a minute.
    fn default() -> Self {
        Timeouts { total: Some(Duration::from_secs(10 * 60)), first_content: None, idle: None, answer: None }
    }
}

impl Timeouts {
    /// For one attempt at a stream: first content within 4 x p95, clamped to [3, 10] s; idle for at most 30 s; no
    /// total and no limit on whole answers.
    ///
    /// For a layer inside retry and failover, below one that sets the total.
    pub const fn attempt() -> Self {
        Timeouts {
            total: None,
            first_content: Some(TimeLimit::adaptive()),
            idle: Some(Duration::from_secs(30)),
            answer: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidTimeouts> {
        fixed("total", self.total)?;
        fixed("idle", self.idle)?;
        limit("first_content", self.first_content)?;
        limit("answer", self.answer)
    }
}

/// A limit that is either given or learnt.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum TimeLimit {
    /// This long.
    Fixed(Duration),
    /// `factor` times the 95th percentile of the latest times, but at least `min` and at most `max`.
    ///
    /// It is `max` until 20 times are known, and remembers 500 to 1,000. A time that this layer cut off counts with
    /// the age it had: were it left out, a provider that became slower than the limit would never get a longer one.
    /// The price is that cut-off times push the limit up, so `max` is what bounds it.
    Adaptive {
        /// How many times the percentile: finite and above zero.
        factor: f64,
        /// The shortest limit: above zero.
        min: Duration,
        /// The longest limit: not below `min`.
        max: Duration,
    },
}

impl TimeLimit {
    /// 4 x p95, clamped to [3, 10] s.
    ///
    /// Measured in simulated outages over a production trace: without the clamp the limit drifted to 30 s, because times
    /// that are cut off raise the percentile.
    pub const fn adaptive() -> Self {
        TimeLimit::Adaptive { factor: 4.0, min: Duration::from_secs(3), max: Duration::from_secs(10) }
    }
}

impl From<Duration> for TimeLimit {
    fn from(limit: Duration) -> Self {
        TimeLimit::Fixed(limit)
    }
}

/// Which limit makes no sense, and why.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InvalidTimeouts {
    name: &'static str,
    rule: Rule,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Zero,
    Factor(f64),
    ZeroMin,
    Reversed(Duration, Duration),
}

impl fmt::Display for InvalidTimeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name;
        match self.rule {
            Rule::Zero => write!(f, "`{name}` is 0s: a time-out must be above zero, `None` switches it off"),
            Rule::Factor(factor) => {
                write!(f, "`{name}` has the factor {factor}: it must be finite and above zero")
            }
            Rule::ZeroMin => write!(f, "`{name}` has the min 0s: it must be above zero"),
            Rule::Reversed(min, max) => {
                write!(f, "`{name}` has the min {min:?} and the max {max:?}: min must not be above max")
            }
        }
    }
}

impl std::error::Error for InvalidTimeouts {}

fn fixed(name: &'static str, limit: Option<Duration>) -> Result<(), InvalidTimeouts> {
    match limit {
        Some(Duration::ZERO) => Err(InvalidTimeouts { name, rule: Rule::Zero }),
        _ => Ok(()),
    }
}

fn limit(name: &'static str, limit: Option<TimeLimit>) -> Result<(), InvalidTimeouts> {
    let rule = match limit {
        Some(TimeLimit::Fixed(limit)) => return fixed(name, Some(limit)),
        Some(TimeLimit::Adaptive { factor, .. }) if !(factor.is_finite() && factor > 0.0) => {
            Rule::Factor(factor)
        }
        Some(TimeLimit::Adaptive { min: Duration::ZERO, .. }) => Rule::ZeroMin,
        Some(TimeLimit::Adaptive { min, max, .. }) if min > max => Rule::Reversed(min, max),
        None | Some(TimeLimit::Adaptive { .. }) => return Ok(()),
    };
    Err(InvalidTimeouts { name, rule })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn why(timeouts: Timeouts) -> String {
        timeouts.check().unwrap_err().to_string()
    }

    fn adaptive(factor: f64, min: Duration, max: Duration) -> Timeouts {
        Timeouts { first_content: Some(TimeLimit::Adaptive { factor, min, max }), ..Timeouts::default() }
    }

    #[test]
    fn the_presets_make_sense() {
        assert_eq!(Timeouts::default().check(), Ok(()));
        assert_eq!(Timeouts::attempt().check(), Ok(()));
    }

    #[test]
    fn a_zero_is_refused_by_name() {
        let zero = Some(Duration::ZERO);
        let fixed = zero.map(TimeLimit::Fixed);
        for (timeouts, name) in [
            (Timeouts { total: zero, ..Timeouts::default() }, "`total` is 0s"),
            (Timeouts { idle: zero, ..Timeouts::default() }, "`idle` is 0s"),
            (Timeouts { first_content: fixed, ..Timeouts::default() }, "`first_content` is 0s"),
            (Timeouts { answer: fixed, ..Timeouts::default() }, "`answer` is 0s"),
            (adaptive(4.0, Duration::ZERO, SECOND), "`first_content` has the min 0s"),
        ] {
            let why = why(timeouts);
            assert!(why.contains(name) && why.contains("must be above zero"), "{why}");
        }
    }

    #[test]
    fn a_factor_that_multiplies_nothing_is_refused_with_its_value() {
        for factor in [0.0, -1.5, f64::NAN, f64::INFINITY] {
            let why = why(adaptive(factor, SECOND, SECOND));
            assert!(why.contains(&format!("the factor {factor}:")), "{why}");
        }
    }

    #[test]
    fn a_reversed_clamp_is_refused_with_both_ends() {
        let why = why(adaptive(4.0, 5 * SECOND, 3 * SECOND));
        assert_eq!(why, "`first_content` has the min 5s and the max 3s: min must not be above max");
        assert_eq!(adaptive(4.0, SECOND, SECOND).check(), Ok(()));
    }
}
