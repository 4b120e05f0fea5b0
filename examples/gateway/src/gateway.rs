//! The gateway: a routing table that can be replaced.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use buttress::{breaker::BreakerHandle, failover::FailoverHandle, hedge::HedgeHandle, limit::LimitHandle};

use crate::{
    config::{Config, ConfigError},
    table::Table,
};

type Environment = dyn Fn(&str) -> Option<String> + Send + Sync;

/// A running gateway. Clones are the same one.
#[derive(Clone)]
pub struct Gateway {
    shared: Arc<Shared>,
}

struct Shared {
    /// Held for the time that it takes to clone or to store an `Arc`.
    table: RwLock<Arc<Table>>,
    /// One reload at a time.
    reloading: Mutex<()>,
    env: Box<Environment>,
}

impl Gateway {
    /// A gateway for this file, with secrets from `env`. The error says which value breaks which rule.
    pub fn new(
        config: Config,
        env: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Gateway, ConfigError> {
        let table = RwLock::new(Arc::new(Table::new(config, None, &env)?));
        Ok(Gateway { shared: Arc::new(Shared { table, reloading: Mutex::new(()), env: Box::new(env) }) })
    }

    /// Takes this file instead. Refused, with the reason, it changes nothing.
    ///
    /// Calls under way go on as they began. Circuits, limits and pools of targets that are still the same account stay;
    /// so does whatever a route has learnt, unless something else than its targets' order is new.
    ///
    /// Blocks while it reads certificates: not for an async context.
    pub fn reload(&self, config: Config) -> Result<(), ConfigError> {
        let _one = self.shared.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.table();
        let new = Table::new(config, Some(&old), &*self.shared.env)?;
        // From here on nothing can fail.
        new.take_over(&old);
        *self.shared.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    /// The HTTP service.
    pub fn router(&self) -> axum::Router {
        crate::app::router(self.clone())
    }

    /// The file in force.
    pub fn config(&self) -> Config {
        self.table().config.clone()
    }

    /// The circuit of this target.
    pub fn breaker(&self, target: &str) -> Option<BreakerHandle> {
        self.table().target(target).map(|target| target.circuit())
    }

    /// The limits of this target, if it has any.
    pub fn limits(&self, target: &str) -> Option<LimitHandle> {
        self.table().target(target).and_then(|target| target.limits())
    }

    /// The targets of the route that serves this model.
    pub fn failover(&self, model: &str) -> Option<FailoverHandle> {
        self.table().route(model).map(|route| route.failover.clone())
    }

    /// The hedge of the route that serves this model, if it has one.
    pub fn hedge(&self, model: &str) -> Option<HedgeHandle> {
        self.table().route(model).and_then(|route| route.hedge.clone())
    }

    pub(crate) fn table(&self) -> Arc<Table> {
        self.shared.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("table", &self.table()).finish_non_exhaustive()
    }
}
