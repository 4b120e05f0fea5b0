//! The gateway: a routing table that can be replaced.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use buttress::{
    BoxError, admin,
    control::Control,
    telemetry::{Settings, Telemetry},
};

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
    control: Control,
    telemetry: Telemetry,
    /// The operator's.
    token: Option<admin::Token>,
    env: Box<Environment>,
}

impl Gateway {
    /// A gateway for this file, with secrets from `env`.
    ///
    /// # Errors
    ///
    /// If a value breaks a rule: the error says which. Metrics go to the recorder that is installed by now, if any.
    pub fn new(
        config: Config,
        env: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Gateway, BoxError> {
        let telemetry = Telemetry::new(Settings { prices: config.prices(), ..Settings::default() })?;
        let table = Table::new(config, None, &telemetry, &env)?;
        let control = table.control();
        control.telemetry(telemetry.clone());
        let token = table.config.admin_token(&env)?;
        let table = RwLock::new(Arc::new(table));
        let (reloading, env) = (Mutex::new(()), Box::new(env));
        Ok(Gateway { shared: Arc::new(Shared { table, reloading, control, telemetry, token, env }) })
    }

    /// Takes this file instead. Refused, with the reason, it changes nothing.
    ///
    /// Calls under way go on as they began. Circuits, limits and pools of targets that are still the same account stay;
    /// so does whatever a route has learnt, unless something else than its targets' order is new.
    ///
    /// Blocks while it reads certificates: not for an async context.
    ///
    /// # Errors
    ///
    /// If a value breaks a rule.
    pub fn reload(&self, config: Config) -> Result<(), ConfigError> {
        let Shared { table, reloading, control, telemetry, env, .. } = &*self.shared;
        let _one = reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.table();
        let new = Table::new(config, Some(&old), telemetry, env)?;
        telemetry.set_prices(&new.config.prices()).map_err(|error| ConfigError(error.to_string()))?;
        // From here on nothing can fail.
        new.take_over(&old);
        control.replace(&new.control());
        *table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
        Ok(())
    }

    /// The HTTP service. `metrics` renders what `/metrics` shows.
    ///
    /// Beyond loopback, status and metrics are shown to the operator only.
    pub fn router(&self, metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>) -> axum::Router {
        let settings = admin::Settings {
            token: self.shared.token.clone(),
            protect_reads: !self.table().config.listen.ip().is_loopback(),
            metrics,
            ..admin::Settings::default()
        };
        crate::app::router(self.clone(), settings)
    }

    /// The file in force.
    pub fn config(&self) -> Config {
        self.table().config.clone()
    }

    /// A look at every layer, and a hand on it, by the names of targets and of routes' models.
    pub fn control(&self) -> &Control {
        &self.shared.control
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
