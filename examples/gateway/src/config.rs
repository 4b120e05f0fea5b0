//! The file: what the gateway is told.

mod callers;
mod routes;
mod targets;

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use serde::Deserialize;

pub use self::{
    callers::CallerConfig,
    routes::{CommitPoint, Entry, RouteConfig, StrategyName},
    targets::{BreakerConfig, Limits, Price, TargetConfig},
};

/// Where secrets come from: a name, and the value if there is one. The process's environment, outside of tests.
pub type Env<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

/// A whole file. `gateway.toml` beside this package's README has every key.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where it listens. Read at the start only. Default: a free port of 127.0.0.1.
    #[serde(default = "loopback")]
    pub listen: SocketAddr,
    /// Lets anybody in who can reach it, although it listens beyond loopback. Default: no.
    #[serde(default)]
    pub anonymous: bool,
    /// The largest request body. Default: 32 MiB.
    #[serde(default = "max_request_bytes")]
    pub max_request_bytes: usize,
    /// How long a request's body may take to arrive. Default: 60 s.
    #[serde(default = "upload_seconds")]
    pub upload_seconds: Seconds,
    /// How long a shutdown waits for the answers under way. Read at the start only. Default: 30 s.
    #[serde(default = "drain_seconds")]
    pub drain_seconds: Seconds,
    /// Who may call. Nobody listed: anybody.
    #[serde(default)]
    pub callers: Vec<CallerConfig>,
    /// Whom it calls.
    pub targets: Vec<TargetConfig>,
    /// Which model goes where. An exact name comes before a pattern; of patterns the first that fits.
    pub routes: Vec<RouteConfig>,
}

/// A time in seconds, above zero and at most a day.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(try_from = "f64")]
pub struct Seconds(pub Duration);

const DAY: f64 = 24.0 * 60.0 * 60.0;

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        if seconds > 0.0 && seconds <= DAY {
            Ok(Seconds(Duration::from_secs_f64(seconds)))
        } else {
            Err(format!("{seconds}: seconds must be above 0 and at most {DAY}"))
        }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn max_request_bytes() -> usize {
    32 << 20
}

fn upload_seconds() -> Seconds {
    Seconds(Duration::from_secs(60))
}

fn drain_seconds() -> Seconds {
    Seconds(Duration::from_secs(30))
}

impl Config {
    /// Reads the file. The error names the file, and what in it breaks which rule.
    pub fn read(path: &Path) -> Result<Config, ConfigError> {
        let at = |reason: String| ConfigError(format!("{}: {reason}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
        text.parse().map_err(|ConfigError(reason)| at(reason))
    }

    /// Another place to listen at, by the same rules.
    pub fn set_listen(&mut self, listen: SocketAddr) -> Result<(), ConfigError> {
        self.listen = listen;
        self.check()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let listening = self.listen;
        if !listening.ip().is_loopback() && self.callers.is_empty() && !self.anonymous {
            return Err(ConfigError(format!(
                "listen = \"{listening}\": beyond loopback there must be `callers`, or `anonymous = true`"
            )));
        }
        if self.max_request_bytes == 0 {
            return Err(ConfigError("max_request_bytes = 0: nothing would pass".into()));
        }
        once("callers", "name", self.callers.iter().map(|caller| &*caller.name))?;
        once("targets", "name", self.targets.iter().map(|target| &*target.name))?;
        once("routes", "model", self.routes.iter().map(|route| &*route.model))?;
        for route in &self.routes {
            route.check(&self.targets)?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config: Config = toml::from_str(text).map_err(|error| ConfigError(error.to_string()))?;
        config.check()?;
        Ok(config)
    }
}

/// Each name once, and none empty.
fn once<'a>(list: &str, key: &str, names: impl Iterator<Item = &'a str>) -> Result<(), ConfigError> {
    let mut seen = std::collections::HashSet::new();
    for name in names {
        if name.is_empty() {
            return Err(ConfigError(format!("{list}: {key} = \"\": it must not be empty")));
        }
        if !seen.insert(name) {
            return Err(ConfigError(format!("{list}: {key} = {name:?}: it comes twice")));
        }
    }
    Ok(())
}

/// Why a file is refused: which value breaks which rule. Never holds a secret: those are not in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub(crate) String);

impl ConfigError {
    /// An error about one entry of a list.
    pub(crate) fn of(list: &str, name: &str, reason: impl fmt::Display) -> Self {
        ConfigError(format!("{list} {name:?}: {reason}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}
