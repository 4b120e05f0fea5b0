//! A target as it runs: what all its routes share.

use std::sync::Arc;

use crate::config::{self, Config, ConfigError, Env};
use buttress::{
    BoxError, TargetHandles,
    breaker::BreakerLayer,
    client::{Client, ClientSettings, Roots},
    config::TargetConfig,
    limit::LimitLayer,
    provider::{Provider, ProviderLayer},
    telemetry::{Telemetry, TelemetryLayer},
};

/// A pool, a circuit and limits, in use by every route that lists the target.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: Arc<str>,
    pub(crate) config: TargetConfig,
    pub(crate) provider: Provider,
    pub(crate) client: Client,
    pub(crate) attempts: TelemetryLayer,
    pub(crate) breaker: Option<BreakerLayer>,
    pub(crate) limit: Option<LimitLayer>,
}

impl Target {
    /// The target of this name in the file. What `old` has learnt stays, as far as it is about the same account.
    pub(crate) fn new(
        name: &str,
        file: &Config,
        old: Option<&Arc<Target>>,
        telemetry: &Telemetry,
        env: Env<'_>,
    ) -> Result<Arc<Target>, ConfigError> {
        let wrong = |error: BoxError| ConfigError::new(format!("targets.{name}"), error);
        let config = &file.targets[name];
        // Each number is checked here, also where a handle only takes it over later.
        let provider = config.provider_with(name, env).map_err(|error| wrong(error.into()))?;
        let _ = ProviderLayer::new(provider.clone()).map_err(|error| wrong(error.into()))?;
        let breaker = config::circuit(config).map(BreakerLayer::new).transpose();
        let breaker = breaker.map_err(|error| wrong(error.into()))?;
        let limit = file.limits(name).map(LimitLayer::new).transpose();
        let limit = limit.map_err(|error| wrong(error.into()))?;
        let old = old.filter(|old| config::are_one_account(&old.config, config));
        if let Some(same) = old.filter(|old| config::differ_in_numbers_only(&old.config, config)) {
            return Ok(same.clone());
        }
        Ok(Arc::new(Target {
            name: name.into(),
            config: config.clone(),
            provider,
            client: old.map_or_else(|| client(config), |old| Ok(old.client.clone())).map_err(wrong)?,
            attempts: old.map_or_else(|| telemetry.attempt(name), |old| old.attempts.clone()),
            breaker: breaker.map(|new| kept(old, |old| &old.breaker).unwrap_or_else(|| new.name(name))),
            limit: limit.map(|new| kept(old, |old| &old.limit).unwrap_or_else(|| new.name(name))),
        }))
    }

    /// Takes over the numbers of the file where they are not those of the file before. What an operator has set meanwhile
    /// stays, unless the file says something new.
    pub(crate) fn adjust(&self, new: &Config, before: &Config) {
        let settings = |file: &Config| file.targets.get(&*self.name).cloned();
        let numbers = |target: TargetConfig| (target.circuit_threshold, target.circuit_cooldown);
        if let (Some(breaker), Some(now)) = (&self.breaker, settings(new))
            && let Some(policy) = config::circuit(&now)
            && settings(before).is_some_and(|before| numbers(before) != numbers(now))
        {
            // It was checked when the target was made.
            let _ = breaker.handle().set_policy(policy);
        }
        if let (Some(limit), Some(now)) = (&self.limit, new.limits(&self.name))
            && before.limits(&self.name).is_some_and(|before| before != now)
        {
            let _ = limit.handle().set_policy(now);
        }
    }

    pub(crate) fn handles(&self) -> TargetHandles {
        TargetHandles {
            breaker: self.breaker.as_ref().map(BreakerLayer::handle),
            limit: self.limit.as_ref().map(LimitLayer::handle),
            ..TargetHandles::new(self.name.clone())
        }
    }
}

/// A layer of the target as it was: its state goes on.
fn kept<L: Clone>(old: Option<&Arc<Target>>, layer: impl Fn(&Target) -> &Option<L>) -> Option<L> {
    layer(old?).clone()
}

/// A pool of its own, so that a target that holds its connections keeps nobody else from theirs. Only who speaks TLS needs
/// a system that has certificates.
fn client(target: &TargetConfig) -> Result<Client, BoxError> {
    let plain = target.base_url.as_ref().is_some_and(|url| url.starts_with("http://"));
    let roots = if plain { Roots::None } else { Roots::System };
    Ok(Client::new(ClientSettings { roots, ..ClientSettings::default() })?)
}
