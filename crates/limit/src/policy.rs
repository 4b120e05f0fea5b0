//! What is limited, and how.

use std::{fmt, time::Duration};

use buttress_call::{Charging, OutputCharge, hint::MAX_HINT};

use crate::Dimension;

/// The numbers of a limiter. A plain value: change what you need, keep the rest.
///
/// ```
/// use std::time::Duration;
/// use buttress_call::{Charging, OutputCharge};
/// use buttress_limit::Policy;
///
/// let openai = Policy {
///     charging: Some(Charging::new(OutputCharge::ReservedAndSettled)),
///     ..Policy::per_minute(500, 200_000)
/// };
/// let anthropic = Policy {
///     requests: Some(1_000),
///     input_tokens: Some(450_000),
///     output_tokens: Some(90_000),
///     in_flight: Some(64),
///     ..Policy::default()
/// };
/// # let _ = (openai, anthropic);
/// ```
///
/// At least one of the five limits must be set, unless `learn_quota` is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Requests a minute, 1 to about 4 x 10^9. Default: no limit.
    pub requests: Option<u64>,
    /// Tokens a minute, input and output together, 1 to 10^12. Default: no limit.
    pub tokens: Option<u64>,
    /// Tokens of prompts a minute, where the provider counts them apart, 1 to 10^12. Default: no limit.
    pub input_tokens: Option<u64>,
    /// Generated tokens a minute, where the provider counts them apart, 1 to 10^12. Default: no limit.
    pub output_tokens: Option<u64>,
    /// Calls in flight at the same time, each until the end of its answer. At least 1. Default: no limit.
    pub in_flight: Option<usize>,
    /// How the minute is counted. Default: [`Window::Bucket`].
    pub window: Window,
    /// How much unused allowance a bucket keeps, as a time at the full rate: 1 ms to a day. Default: 60 s, a minute's
    /// allowance.
    ///
    /// A bucket of requests holds at least one. A sliding window holds what its minute allows, whatever this is.
    pub burst: Duration,
    /// How many tokens a token bucket holds, 1 to 10^12, where that is known. It takes the place of `burst`. Default: none.
    pub capacity: Option<u64>,
    /// How the provider charges. Default: none, which takes the provider layer's word from the first answer on and before
    /// it [`OutputCharge::AsStreamed`].
    pub charging: Option<Charging>,
    /// The output that a call is taken to generate, or to have reserved, when it names no cap and too few calls were seen;
    /// at most 10^9. Default: 1,000.
    pub default_output: u64,
    /// How many calls may wait, of each key. Zero refuses whatever cannot pass at once. Default: 1,000.
    pub max_waiting: usize,
    /// How long a call may wait, at most a day. Default: 60 s.
    ///
    /// A call whose wait is estimated to be longer than this, or than its deadline allows, is refused at once.
    pub max_wait: Duration,
    /// For how long the admitted rate rises, from a tenth of the quota to all of it, after the first call (whose nine next
    /// are free) and after a storm of 429s (5 within 10 s). At most an hour; zero: not at all. Default: 60 s.
    pub ramp_up: Duration,
    /// The longest block that a 429's hint can ask for, at most [`MAX_HINT`]. Default: 5 min.
    pub max_hint: Duration,
    /// Whether the quotas follow the `limit` of the provider's headers. Default: false.
    pub learn_quota: bool,
    /// How many keys are told apart, at least 1. Default: 10,000.
    ///
    /// A new key takes the place of one that is at rest: nothing in flight, nothing used. If there is none, it shares one
    /// more set of limits with all others that found no place.
    pub max_keys: usize,
}

/// How a limiter counts a minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Window {
    /// A bucket that refills continuously, as providers' own do. After a rest a minute's worth may pass at once, so in the
    /// worst case a minute sees `burst` more than its quota.
    #[default]
    Bucket,
    /// Never more than the quota in any 60 s. What was charged counts for 60 s, and for half a second more at most.
    Sliding,
}

const MOST_TOKENS: u64 = 1_000_000_000_000;
const MOST_REQUESTS: u64 = u32::MAX as u64;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

impl Default for Policy {
    /// No limit at all, so at least one must be set; a bucket of 60 s, waits of up to 60 s, a rise over 60 s.
    fn default() -> Self {
        Policy {
            requests: None,
            tokens: None,
            input_tokens: None,
            output_tokens: None,
            in_flight: None,
            window: Window::Bucket,
            burst: Duration::from_secs(60),
            capacity: None,
            charging: None,
            default_output: 1_000,
            max_waiting: 1_000,
            max_wait: Duration::from_secs(60),
            ramp_up: Duration::from_secs(60),
            max_hint: Duration::from_secs(300),
            learn_quota: false,
            max_keys: 10_000,
        }
    }
}

impl Policy {
    /// So many requests and tokens a minute; everything else as in [`Policy::default`].
    pub fn per_minute(requests: u64, tokens: u64) -> Self {
        Policy { requests: Some(requests), tokens: Some(tokens), ..Policy::default() }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidPolicy> {
        let rule = |ok: bool, field, value: &dyn fmt::Debug, rule| {
            if ok { Ok(()) } else { Err(InvalidPolicy { field, value: format!("{value:?}"), rule }) }
        };
        let limits = [
            ("requests", self.requests, MOST_REQUESTS, "must be 1 to 4294967295"),
            ("tokens", self.tokens, MOST_TOKENS, TOKENS_RULE),
            ("input_tokens", self.input_tokens, MOST_TOKENS, TOKENS_RULE),
            ("output_tokens", self.output_tokens, MOST_TOKENS, TOKENS_RULE),
            ("capacity", self.capacity, MOST_TOKENS, TOKENS_RULE),
        ];
        for (field, limit, most, text) in limits {
            if let Some(limit) = limit {
                rule((1..=most).contains(&limit), field, &limit, text)?;
            }
        }
        if let Some(in_flight) = self.in_flight {
            rule(in_flight > 0, "in_flight", &in_flight, "must be at least 1")?;
        }
        let limited = limits[..4].iter().any(|limit| limit.1.is_some()) || self.in_flight.is_some();
        rule(
            limited || self.learn_quota,
            "requests, tokens, input_tokens, output_tokens and in_flight",
            &None::<u64>,
            "at least one must be set, or learn_quota, or nothing would be limited",
        )?;
        let burst = Duration::from_millis(1)..=DAY;
        rule(burst.contains(&self.burst), "burst", &self.burst, "must be 1 ms to a day")?;
        rule(
            self.default_output <= 1_000_000_000,
            "default_output",
            &self.default_output,
            "must be at most 10^9",
        )?;
        rule(self.max_wait <= DAY, "max_wait", &self.max_wait, "must be at most a day")?;
        rule(self.ramp_up <= HOUR, "ramp_up", &self.ramp_up, "must be at most an hour")?;
        rule(self.max_hint <= MAX_HINT, "max_hint", &self.max_hint, "must be at most 31 days")?;
        rule(self.max_keys > 0, "max_keys", &self.max_keys, "must be at least 1")
    }

    /// The limit of a token dimension.
    pub(crate) fn tokens(&self, dimension: Dimension) -> Option<u64> {
        match dimension {
            Dimension::Tokens => self.tokens,
            Dimension::InputTokens => self.input_tokens,
            Dimension::OutputTokens => self.output_tokens,
            Dimension::Requests | Dimension::InFlight => None,
        }
    }

    /// What a token limit of so many a minute holds when nothing is used.
    pub(crate) fn capacity_of(&self, per_minute: u64) -> u64 {
        if self.window == Window::Sliding {
            return per_minute;
        }
        let burst = || per_minute as f64 * self.burst.as_secs_f64() / 60.0;
        self.capacity.unwrap_or_else(|| (burst() as u64).max(1))
    }

    /// How the provider charges, as far as it is known before it was asked.
    pub(crate) fn charging(&self) -> Charging {
        self.charging.unwrap_or(Charging::new(OutputCharge::AsStreamed))
    }
}

const TOKENS_RULE: &str = "must be 1 to 10^12";

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
        write!(f, "limit policy: {field} = {value}: {rule}")
    }
}

impl std::error::Error for InvalidPolicy {}
