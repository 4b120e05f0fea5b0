//! What a gateway asks of its targets beside what `buttress::config` does.

use buttress::{
    breaker,
    config::{TargetConfig, Vendor},
    limit,
    telemetry::Price,
};

use super::{Config, ConfigError};

/// Callers speak OpenAI's dialect and nothing is translated, so a target must speak it too.
pub(super) fn check(name: &str, target: &TargetConfig) -> Result<(), ConfigError> {
    let vendor = target.vendor(name).map_err(|error| ConfigError(error.to_string()))?;
    if !vendor.speaks_as(Vendor::OpenAi) {
        let rule = "nothing is translated: if it has an address that speaks OpenAI's API, use `compatible` with that one";
        return Err(ConfigError::value(format!("targets.{name}.provider"), vendor.as_str(), rule));
    }
    Ok(())
}

/// Whether what was made for `old` serves for `new` as it is, but for numbers that its handles change.
pub(crate) fn differ_in_numbers_only(old: &TargetConfig, new: &TargetConfig) -> bool {
    let numbers = TargetConfig {
        limits: new.limits.clone(),
        circuit_threshold: new.circuit_threshold,
        circuit_cooldown: new.circuit_cooldown,
        ..old.clone()
    };
    numbers == *new
        && circuit(old).is_some() == circuit(new).is_some()
        && old.limits.policy(false).is_some() == new.limits.policy(false).is_some()
}

/// Whether both are the same account at the same place.
pub(crate) fn are_one_account(old: &TargetConfig, new: &TargetConfig) -> bool {
    let account = |it: &TargetConfig| {
        let (base_url, api_version, region) =
            (it.base_url.clone(), it.api_version.clone(), it.region.clone());
        (it.provider, base_url, api_version, region, it.api_key_env.clone())
    };
    account(old) == account(new)
}

/// When a target is left alone: after 5 failures in a row, for 60 s, if the file says nothing else.
pub(crate) fn circuit(target: &TargetConfig) -> Option<breaker::Policy> {
    target.breaker_policy(Some(breaker::Policy::default()))
}

impl Config {
    /// A target's limits. A call waits for them only where no other target is left to take it.
    pub(crate) fn limits(&self, target: &str) -> Option<limit::Policy> {
        let lists = self.routes.iter().map(|route| &route.targets);
        let mut lists = lists.filter(|list| list.iter().any(|entry| entry.target == target));
        let last = lists.all(|list| list.last().is_some_and(|entry| entry.target == target));
        self.targets.get(target)?.limits.policy(last)
    }

    /// What the targets charge.
    pub(crate) fn prices(&self) -> Vec<Price> {
        self.targets.iter().filter_map(|(name, target)| Some(target.price?.of_target(name))).collect()
    }
}
