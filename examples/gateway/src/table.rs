//! The routing table: all that a reload replaces, at once.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use buttress::{control::Control, telemetry::Telemetry};

use crate::{
    callers::Callers,
    config::{Config, ConfigError, Env},
    glob,
    route::Route,
    target::Target,
};

/// What a file says, as it runs. It never changes; a call keeps the one that it began with.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) config: Config,
    pub(crate) callers: Callers,
    targets: BTreeMap<String, Arc<Target>>,
    named: HashMap<String, Arc<Route>>,
    patterns: Vec<Arc<Route>>,
}

impl Table {
    /// A table for this file. Whatever of `old` need not change is taken over, and nothing of it is touched.
    pub(crate) fn new(
        config: Config,
        old: Option<&Table>,
        telemetry: &Telemetry,
        env: Env<'_>,
    ) -> Result<Table, ConfigError> {
        let callers = Callers::new(&config, env)?;
        let targets = config.targets.keys().map(|name| {
            let old = old.and_then(|old| old.targets.get(name));
            Ok((name.clone(), Target::new(name, &config, old, telemetry, env)?))
        });
        let targets: BTreeMap<_, _> = targets.collect::<Result<_, ConfigError>>()?;
        let (mut named, mut patterns) = (HashMap::new(), Vec::new());
        for route in &config.routes {
            let made = Route::new(route, &targets, old.and_then(|old| old.of(&route.model)), telemetry)?;
            if glob::is_pattern(&route.model) {
                patterns.push(made);
            } else {
                named.insert(route.model.clone(), made);
            }
        }
        Ok(Table { config, callers, targets, named, patterns })
    }

    /// Brings what was taken over from `old` in line with the file.
    pub(crate) fn take_over(&self, old: &Table) {
        for target in self.targets.values() {
            target.adjust(&self.config, &old.config);
        }
        for config in &self.config.routes {
            let before = old.config.routes.iter().find(|before| before.model == config.model);
            if let Some(route) = self.of(&config.model).filter(|_| before.is_some_and(|it| it != config)) {
                route.put_in_order(config);
            }
        }
    }

    /// Every handle, by name.
    pub(crate) fn control(&self) -> Control {
        let control = Control::new();
        for config in &self.config.routes {
            let Some(route) = self.of(&config.model) else { continue };
            control.insert(&*config.model, &route.handles());
        }
        control
    }

    /// The route for a model.
    pub(crate) fn route(&self, model: &str) -> Option<&Arc<Route>> {
        let pattern = || self.patterns.iter().find(|route| glob::fits(&route.config.model, model));
        self.named.get(model).or_else(pattern)
    }

    /// The models that have a name.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        let named = self.config.routes.iter().map(|route| &*route.model);
        named.filter(|model| !glob::is_pattern(model))
    }

    /// The route of this entry of the file.
    fn of(&self, model: &str) -> Option<&Arc<Route>> {
        let pattern = || self.patterns.iter().find(|route| route.config.model == model);
        self.named.get(model).or_else(pattern)
    }
}
