//! The settings of a whole stack.

use std::{collections::BTreeMap, time::Duration};

use serde::Deserialize;

use super::{ConfigError, StrategyConfig, TargetConfig, value};
use crate::{Policies, breaker, hedge, presets, timeout::Timeouts};

/// The settings of a stack. A plain value: read it, or write it, and [`build`](Config::build) it.
///
/// The defaults are this type's own, not the layers'. See the [module](super) for the file, the variables and the rules.
///
/// ```
/// use std::time::Duration;
/// use buttress::config::Config;
///
/// let config = Config::from_toml(r#"
///     timeout_seconds = 20
///     [targets.openai]
///     limits = { requests_per_minute = 500 }
/// "#)?;
/// assert_eq!((config.timeout, config.max_retries), (Duration::from_secs(20), 3));
///
/// let error = Config::from_toml("max_retries = -1").unwrap_err();
/// assert_eq!(error.to_string(), "TOML, line 1: max_retries: invalid value: integer `-1`, expected u8");
/// # Ok::<(), buttress::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The targets in the order in which they are asked; in the environment with commas between. Default: the one target
    /// there is; with several it must be given.
    ///
    /// A name that has no `[targets.NAME]` is that of a [`Vendor`](super::Vendor) with nothing but defaults.
    pub provider_order: Vec<String>,
    /// `timeout_seconds`: what an attempt at a stream may take to its first content, and one at a whole answer to its end.
    /// A stream that has begun may be silent for 30 s, or this long if it is shorter. Default: 45 s.
    #[serde(rename = "timeout_seconds", deserialize_with = "value::above_zero")]
    pub timeout: Duration,
    /// `first_content_seconds`: what an attempt at a stream may take to its first content, if not as long as `timeout`.
    /// Default: none.
    ///
    /// Shorter than a model may think in silence, it cuts good answers; as long as the time-out, a provider that never
    /// answers is found out late.
    #[serde(rename = "first_content_seconds", deserialize_with = "value::some_above_zero")]
    pub first_content: Option<Duration>,
    /// `total_seconds`: the whole call, with its waits, all its attempts, and its body. Default: 600 s.
    #[serde(rename = "total_seconds", deserialize_with = "value::above_zero")]
    pub total: Duration,
    /// How often a target is asked again after a failure that another attempt may mend. Default: 3.
    ///
    /// While another target can serve it is once at most, and then that one's turn.
    pub max_retries: u8,
    /// The wait before the first retry, in seconds; it doubles for each further one, and what is waited is drawn between
    /// nothing and that. Default: 1 s.
    #[serde(deserialize_with = "value::above_zero")]
    pub retry_base_delay: Duration,
    /// The longest of these waits, in seconds, and the longest hint of a provider that is waited for. Default: 30 s.
    #[serde(deserialize_with = "value::above_zero")]
    pub retry_max_delay: Duration,
    /// So many failures of a target in a row open its circuit; 0: it has none. Default: 3.
    pub circuit_threshold: u32,
    /// `circuit_cooldown_seconds`: how long a circuit stays open before three calls probe it. Default: 60 s.
    #[serde(rename = "circuit_cooldown_seconds", deserialize_with = "value::above_zero")]
    pub circuit_cooldown: Duration,
    /// The share of calls that may be tried a second time when their first content is late, 0 to below 1. Default: 0, no
    /// hedging: most providers bill both.
    #[serde(deserialize_with = "value::share")]
    pub hedge_budget: f64,
    /// How a target is chosen among those of one tier. Default: `in_order`.
    pub strategy: StrategyConfig,
    /// The targets by name.
    pub targets: BTreeMap<String, TargetConfig>,
    /// Where the settings came from, for errors: the file's name. Not a setting.
    #[serde(skip)]
    pub origin: String,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            provider_order: Vec::new(),
            timeout: Duration::from_secs(45),
            first_content: None,
            total: Duration::from_secs(600),
            max_retries: 3,
            retry_base_delay: Duration::from_secs(1),
            retry_max_delay: Duration::from_secs(30),
            circuit_threshold: 3,
            circuit_cooldown: Duration::from_secs(60),
            hedge_budget: 0.0,
            strategy: StrategyConfig::InOrder,
            targets: BTreeMap::new(),
            origin: "config".to_owned(),
        }
    }
}

impl Config {
    /// The numbers of these settings, in the layers' words; a target's own come on top.
    pub fn policies(&self) -> Policies {
        let retries = presets::retries(self.max_retries, self.retry_base_delay, self.retry_max_delay);
        let attempt = presets::within(self.timeout);
        let first_content = self.first_content.map(Into::into).or(attempt.first_content);
        Policies {
            total: Some(self.total),
            attempt: Timeouts { first_content, ..attempt },
            retries,
            breaker: circuit(self.circuit_threshold, self.circuit_cooldown),
            hedge: (self.hedge_budget > 0.0).then(|| hedge::Policy::budget(self.hedge_budget)),
            ..Policies::default()
        }
    }

    /// What one setting alone does not show.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let wrong = |key: &str, value: &dyn std::fmt::Display, rule: &str| {
            Err(ConfigError::rule(&self.origin, key, value, rule))
        };
        if self.max_retries == u8::MAX {
            return wrong("max_retries", &self.max_retries, "must be at most 254");
        }
        if self.retry_base_delay > self.retry_max_delay {
            let rule = format!("must not be above retry_max_delay ({})", self.retry_max_delay.as_secs_f64());
            return wrong("retry_base_delay", &self.retry_base_delay.as_secs_f64(), &rule);
        }
        Ok(())
    }
}

/// A circuit that so many failures open; none if it is 0.
fn circuit(threshold: u32, cooldown: Duration) -> Option<breaker::Policy> {
    (threshold > 0).then(|| breaker::Policy {
        consecutive_failures: Some(threshold),
        open: breaker::OpenFor::Fixed(cooldown),
        ..breaker::Policy::default()
    })
}
