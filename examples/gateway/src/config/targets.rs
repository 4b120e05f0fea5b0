//! Whom the gateway calls.

use std::collections::BTreeMap;

use buttress::{breaker, limit, provider::Provider};
use serde::Deserialize;

use super::{ConfigError, Env, Seconds, callers::secret};

/// One account at one provider.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct TargetConfig {
    /// Its name: in routes, in the answers' header, in logs and metrics.
    pub name: String,
    /// Who it is: `openai`, or `compatible` for any server that speaks OpenAI's API.
    #[serde(default = "compatible")]
    pub provider: String,
    /// What stands before `/v1/chat/completions`. Default: the provider's own.
    pub base_url: Option<String>,
    /// The environment variable that holds its key. None: it wants no key.
    pub key_env: Option<String>,
    /// Headers for every request to it.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// What it calls the models that callers call otherwise.
    #[serde(default)]
    pub models: BTreeMap<String, String>,
    /// Its context window in tokens: longer prompts go elsewhere. Default: unknown.
    pub window: Option<u64>,
    /// What a million tokens cost.
    pub price: Option<Price>,
    /// Its limits. Default: none.
    pub limits: Option<Limits>,
    /// When it is left alone. Default: 5 failures in a row, 60 s, 3 probes.
    #[serde(default)]
    pub breaker: BreakerConfig,
}

fn compatible() -> String {
    "compatible".into()
}

/// What a million tokens cost, in any currency that is the same for all targets.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of the prompt.
    pub input: f64,
    /// Of the answer.
    pub output: f64,
}

impl Price {
    /// One number to compare by: a chat reads about three tokens for each that it writes.
    pub(crate) fn blended(self) -> f64 {
        (3.0 * self.input + self.output) / 4.0
    }
}

/// What the provider allows.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests a minute.
    pub requests: Option<u64>,
    /// Tokens a minute, input and output together.
    pub tokens: Option<u64>,
    /// Tokens of prompts a minute, where they are counted apart.
    pub input_tokens: Option<u64>,
    /// Generated tokens a minute, where they are counted apart.
    pub output_tokens: Option<u64>,
    /// Calls at the same time.
    pub in_flight: Option<usize>,
    /// How many calls may wait for their turn. Default: none, so that they go to the next target.
    #[serde(default)]
    pub max_waiting: usize,
    /// How long one may wait. Default: 60 s.
    pub max_wait_seconds: Option<Seconds>,
    /// How long the rate rises after the start and after a storm of 429s, 0 for not at all. Default: 60.
    pub ramp_up_seconds: Option<u32>,
    /// Whether the quotas follow the `limit` of the provider's headers. Default: no.
    #[serde(default)]
    pub learn_quota: bool,
}

impl Limits {
    pub(crate) fn policy(&self) -> limit::Policy {
        let default = limit::Policy::default();
        limit::Policy {
            requests: self.requests,
            tokens: self.tokens,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            in_flight: self.in_flight,
            max_waiting: self.max_waiting,
            max_wait: self.max_wait_seconds.map_or(default.max_wait, |Seconds(wait)| wait),
            ramp_up: self
                .ramp_up_seconds
                .map_or(default.ramp_up, |seconds| std::time::Duration::from_secs(seconds.into())),
            learn_quota: self.learn_quota,
            ..default
        }
    }
}

/// When a target is left alone.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct BreakerConfig {
    /// After so many failures in a row. Default: 5.
    pub failures: Option<u32>,
    /// For so long. Default: 60 s.
    pub open_seconds: Option<Seconds>,
    /// Then so many calls find out whether it is back. Default: 3.
    pub probes: Option<u32>,
}

impl BreakerConfig {
    pub(crate) fn policy(&self) -> breaker::Policy {
        let mut policy = breaker::Policy::default();
        if let Some(failures) = self.failures {
            policy.consecutive_failures = Some(failures);
        }
        if let Some(Seconds(time)) = self.open_seconds {
            policy.open = breaker::OpenFor::Fixed(time);
        }
        if let Some(probes) = self.probes {
            policy.probes = probes;
        }
        policy
    }
}

impl TargetConfig {
    /// The provider, with its key.
    pub(crate) fn provider(&self, env: Env<'_>) -> Result<Provider, ConfigError> {
        let wrong = |reason: String| ConfigError::of("targets", &self.name, reason);
        let mut provider = match (&*self.provider, &self.base_url) {
            ("openai", None) => Provider::openai(),
            ("openai", Some(url)) => Provider::openai().base_url(url),
            ("compatible", Some(url)) => Provider::compatible(&*self.name, url),
            ("compatible", None) => {
                return Err(wrong("provider = \"compatible\": it needs a base_url".into()));
            }
            (other, _) => {
                return Err(wrong(format!("provider = {other:?}: it must be openai or compatible")));
            }
        };
        if let Some(name) = &self.key_env {
            provider = provider.api_key(secret(name, env).map_err(wrong)?);
        }
        for (name, value) in &self.headers {
            provider = provider.header(name, value);
        }
        for (from, to) in &self.models {
            provider = provider.model(from, to);
        }
        Ok(provider.name(&*self.name))
    }

    /// Whether a target made for `other` can serve for this one as it is, but for numbers that its handles change.
    pub(crate) fn differs_in_numbers_only(&self, other: &TargetConfig) -> bool {
        let numbers = TargetConfig { limits: other.limits, breaker: other.breaker, ..self.clone() };
        numbers == *other && self.limits.is_some() == other.limits.is_some()
    }

    /// Whether both are the same account at the same place.
    pub(crate) fn is_account_of(&self, other: &TargetConfig) -> bool {
        (&self.provider, &self.base_url, &self.key_env) == (&other.provider, &other.base_url, &other.key_env)
    }
}
