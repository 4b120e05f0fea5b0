//! From settings to a stack.

use buttress_call::BoxError;

use super::{Config, ConfigError, TargetConfig, Vendor, error::shown};
use crate::stack::{HttpClient, Stack};

impl Config {
    /// The stack of these settings, each target over a clone of this client.
    ///
    /// Nothing is spawned. A target whose circuit is open comes back when a call tries it after the cooldown; for one that
    /// is asked before that, spawn a [`Stack::prober`].
    ///
    /// # Errors
    ///
    /// If the order names what is no target, a key is not in the environment, targets speak different dialects, or a number
    /// breaks a layer's rule. The error names the setting, its value and the rule.
    pub fn build<C: HttpClient>(&self, client: C) -> Result<Stack, BoxError> {
        self.build_with(move |_, _| Ok(client.clone()))
    }

    /// The same with a client for each target, made by this from its name and its settings: one pool a target.
    ///
    /// # Errors
    ///
    /// As [`build`](Config::build), and those of `client`.
    pub fn build_with<C: HttpClient>(
        &self,
        client: impl Fn(&str, &TargetConfig) -> Result<C, BoxError>,
    ) -> Result<Stack, BoxError> {
        self.check()?;
        let policies = self.policies();
        let order = self.order()?;
        self.one_dialect(&order)?;
        let prices = order.iter().filter_map(|(name, target)| Some(target.price?.of_target(name)));
        policies.telemetry.set_prices(&prices.collect::<Vec<_>>())?;
        let mut targets = Vec::with_capacity(order.len());
        for (position, (name, target)) in order.iter().enumerate() {
            // What waits is better off elsewhere, and at the last one there is no elsewhere.
            let last = position + 1 == order.len();
            let client = client(name, target)?;
            targets
                .push(target.build(name, client, &policies, last).map_err(|error| error.at(&self.origin))?);
        }
        let stack = policies.stack(targets)?;
        self.strategy.apply(&stack.failover().handle());
        Ok(stack)
    }

    /// The targets that are used, first to last.
    fn order(&self) -> Result<Vec<(&str, TargetConfig)>, ConfigError> {
        let wrong =
            |what: String| Err(ConfigError::new(&self.origin, what).of_key("provider_order".to_owned()));
        if self.provider_order.is_empty() {
            return match self.targets.len() {
                0 => wrong("must be given, as there are no [targets]".to_owned()),
                1 => Ok(self.targets.iter().map(|(name, target)| (name.as_str(), target.clone())).collect()),
                several => wrong(format!("must be given, as there are {several} [targets]")),
            };
        }
        let mut order: Vec<(&str, TargetConfig)> = Vec::with_capacity(self.provider_order.len());
        for name in &self.provider_order {
            if order.iter().any(|(known, _)| known == name) {
                return wrong(format!("{} stands in it twice", shown(name)));
            }
            let target = match self.targets.get(name) {
                Some(target) => target.clone(),
                None if Vendor::from_name(name).is_some() => TargetConfig::default(),
                None => {
                    let names = Vendor::names();
                    return wrong(format!(
                        "{}: there is no [targets.NAME] of this name, nor is it one of {names}",
                        shown(name)
                    ));
                }
            };
            order.push((name, target));
        }
        Ok(order)
    }

    /// Nothing is translated, so a request can go only to targets that speak as one.
    fn one_dialect(&self, order: &[(&str, TargetConfig)]) -> Result<(), ConfigError> {
        let mut first: Option<(&str, Vendor)> = None;
        for (name, target) in order {
            let vendor = target.vendor(name).map_err(|error| error.at(&self.origin))?;
            let (other, spoken) = *first.get_or_insert((name, vendor));
            if !vendor.speaks_as(spoken) {
                let what = format!(
                    "{other} speaks the dialect {:?}, {name} {:?}, and nothing is translated: a target that has an \
                     OpenAI-compatible address too can be provider = \"compatible\" with that base_url",
                    spoken.dialect().name(),
                    vendor.dialect().name(),
                );
                return Err(ConfigError::new(&self.origin, what).of_key("provider_order".to_owned()));
            }
        }
        Ok(())
    }
}
