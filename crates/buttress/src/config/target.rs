//! The settings of one target.

use std::{collections::BTreeMap, env, fmt, time::Duration};

use serde::Deserialize;

use super::{ConfigError, LimitConfig, PriceConfig, Vendor, error::shown, value};
use crate::{
    Policies,
    breaker::{self, OpenFor},
    provider::Provider,
    stack::{HttpClient, Target},
};

/// `[targets.NAME]`: one target. All of it has a default.
///
/// Also for files that are more than a [`Config`](super::Config): it stands alone, and [`from_toml`](super::from_toml)
/// reads what it is a part of.
///
/// ```
/// use buttress::config::{TargetConfig, from_toml};
/// # use buttress::{BoxError, presets, stack::HttpClient};
/// # fn example(client: impl HttpClient) -> Result<(), BoxError> {
///
/// let config: TargetConfig = from_toml(r#"
///     provider = "compatible"
///     base_url = "http://10.0.0.7:8000"
///     limits = { concurrency = 64 }
/// "#, "own.toml")?;
/// let target = config.build("own", client, &presets::batch(), true)?;
/// # let _ = target;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct TargetConfig {
    /// Whose API it is. Default: the vendor of the target's name.
    pub provider: Option<Vendor>,
    /// Where it lives, as `https://host`, with or without the version at the end. Default: the vendor's own address.
    pub base_url: Option<String>,
    /// `azure`: the version of its API, as `2024-10-21`. Default: its newer API, which has none.
    pub api_version: Option<String>,
    /// `bedrock`: where it is, as `us-east-1`.
    pub region: Option<String>,
    /// The variable of the environment in which its key stands. Default: the vendor's usual one, if the address is the
    /// vendor's own. The empty string means no key: the caller's own credentials pass.
    pub api_key_env: Option<String>,
    /// What it calls the models that callers name: `{ "gpt-5" = "qwen3-32b" }`. Others keep their names.
    pub models: BTreeMap<String, String>,
    /// The only models that it has, by the names that callers use: requests for others go elsewhere. Default: any.
    pub serves: Option<Vec<String>>,
    /// What its provider grants. Default: no limits.
    pub limits: LimitConfig,
    /// Its context window in tokens, prompt and answer together. Default: any.
    pub context_window: Option<u64>,
    /// What it charges. Default: unknown.
    pub price: Option<PriceConfig>,
    /// A higher tier is asked only when no target of a lower one can take a call. Default: 0.
    pub tier: u32,
    /// Its share of the calls, under the strategy `weighted`. Default: 1.
    pub weight: Option<u32>,
    /// It cannot use tools. Default: false.
    pub no_tools: bool,
    /// It cannot stream. Default: false.
    pub no_streaming: bool,
    /// Whether to ask it for the token usage of streams whose caller did not. Default: if it does not send it unasked.
    pub ask_usage: Option<bool>,
    /// As [`Config::circuit_threshold`](super::Config::circuit_threshold), for this target.
    pub circuit_threshold: Option<u32>,
    /// `circuit_cooldown_seconds`: as [`Config::circuit_cooldown`](super::Config::circuit_cooldown), for this target.
    #[serde(rename = "circuit_cooldown_seconds", deserialize_with = "value::some_above_zero")]
    pub circuit_cooldown: Option<Duration>,
}

impl TargetConfig {
    /// The target of this name, over this client: with these policies, and with its own limits and circuit in their place.
    ///
    /// `queue` says whether a call may wait for the limiter, where there is no `max_wait_seconds`: not so if another target
    /// may take it.
    ///
    /// # Errors
    ///
    /// If a setting breaks a rule, or the key is not there. The error names the setting.
    pub fn build<C: HttpClient>(
        &self,
        name: &str,
        client: C,
        policies: &Policies,
        queue: bool,
    ) -> Result<Target, ConfigError> {
        let own = Policies {
            limit: self.limits.policy(queue).or(policies.limit),
            breaker: self.breaker_policy(policies.breaker),
            ..policies.clone()
        };
        let target = Target::new(name, self.provider(name)?, client, &own)
            .map_err(|error| ConfigError::new("config", error.to_string()))?;
        Ok(self.declare(target))
    }

    /// Its vendor: the one named, or that of the target's name.
    pub fn vendor(&self, name: &str) -> Result<Vendor, ConfigError> {
        self.provider.or_else(|| Vendor::from_name(name)).ok_or_else(|| {
            let what = format!("must be given, one of {}: the target's name is none", Vendor::names());
            wrong(name, "provider", &what)
        })
    }

    /// Its provider, with the key from the environment.
    ///
    /// # Errors
    ///
    /// If the provider is not known, or the address or the key is missing.
    pub fn provider(&self, name: &str) -> Result<Provider, ConfigError> {
        self.provider_with(name, |variable| env::var(variable).ok())
    }

    /// The same with keys from elsewhere, by the variable's name: from a store of secrets, say.
    ///
    /// # Errors
    ///
    /// As [`provider`](TargetConfig::provider).
    pub fn provider_with(
        &self,
        name: &str,
        key: impl Fn(&str) -> Option<String>,
    ) -> Result<Provider, ConfigError> {
        let vendor = self.vendor(name)?;
        self.only_where_it_counts(name, vendor)?;
        let provider = vendor.provider(name, self).map_err(|lacking| {
            wrong(name, lacking, &format!("must be given: {} has no address without it", vendor.as_str()))
        })?;
        let provider = match self.key(name, vendor, key)? {
            Some(key) => provider.api_key(key),
            None => provider,
        };
        let provider = self.models.iter().fold(provider, |provider, (from, to)| provider.model(from, to));
        Ok(match self.ask_usage {
            Some(ask) => provider.ask_usage(ask),
            None => provider,
        })
    }

    /// A setting that would change nothing is a mistake.
    fn only_where_it_counts(&self, name: &str, vendor: Vendor) -> Result<(), ConfigError> {
        let own =
            [("api_version", &self.api_version, Vendor::Azure), ("region", &self.region, Vendor::Bedrock)];
        for (key, value, of) in own {
            if let Some(value) = value
                && vendor != of
            {
                let rule = format!("= {}: is a setting of {} alone", shown(value), of.as_str());
                return Err(wrong(name, key, &rule));
            }
        }
        Ok(())
    }

    fn key(
        &self,
        name: &str,
        vendor: Vendor,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<String>, ConfigError> {
        let variable = match self.api_key_env.as_deref() {
            Some("") => return Ok(None),
            Some(variable) if is_variable(variable) => variable,
            Some(other) => {
                // It may well be the key itself.
                let what = format!(
                    "= ({} characters): must be the name of a variable of the environment, of A to Z, 0 to 9 and _, and not \
                     a key",
                    other.chars().count()
                );
                return Err(wrong(name, "api_key_env", &what));
            }
            // The vendor's key goes to the vendor.
            None if self.base_url.is_some() => return Ok(None),
            None => match vendor.key_variable() {
                Some(variable) => variable,
                None => return Ok(None),
            },
        };
        let found = lookup(variable).filter(|key| !key.trim().is_empty());
        found.map(Some).ok_or_else(|| {
            wrong(
                name,
                "api_key_env",
                &format!("= {variable:?}: the environment has no such variable, or it is empty"),
            )
        })
    }

    /// Its breaker's policy: this one, with the target's own numbers in it.
    pub fn breaker_policy(&self, policy: Option<breaker::Policy>) -> Option<breaker::Policy> {
        let cooldown = |policy: breaker::Policy| match self.circuit_cooldown {
            Some(cooldown) => breaker::Policy { open: OpenFor::Fixed(cooldown), ..policy },
            None => policy,
        };
        let policy = match self.circuit_threshold {
            Some(0) => None,
            Some(failures) => {
                Some(breaker::Policy { consecutive_failures: Some(failures), ..policy.unwrap_or_default() })
            }
            None => policy,
        };
        policy.map(cooldown)
    }

    /// Says of the target what is declared of it.
    fn declare(&self, target: Target) -> Target {
        let target = target.tier(self.tier).weight(self.weight.unwrap_or(1));
        let target = match self.context_window {
            Some(window) => target.window(window),
            None => target,
        };
        let target = match &self.serves {
            Some(models) => target.models(models.iter().map(String::as_str)),
            None => target,
        };
        let target = match &self.price {
            Some(price) => target.price(price.blended()),
            None => target,
        };
        let target = if self.no_streaming { target.without_streaming() } else { target };
        if self.no_tools { target.without_tools() } else { target }
    }
}

fn wrong(name: &str, key: &str, what: &str) -> ConfigError {
    ConfigError::new("config", what).of_key(format!("targets.{name}.{key}"))
}

fn is_variable(name: &str) -> bool {
    name.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_'))
        && name.starts_with(|first: char| !first.is_ascii_digit())
}

impl fmt::Debug for TargetConfig {
    /// Leaves out what may hold a secret by mistake.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetConfig")
            .field("provider", &self.provider)
            .field("api_key_env", &self.api_key_env.as_deref().map(shown))
            .field("models", &self.models)
            .field("limits", &self.limits)
            .field("tier", &self.tier)
            .finish_non_exhaustive()
    }
}
