//! The file: what the gateway is told.

mod error;
mod routes;
mod seconds;
mod targets;

use std::{collections::BTreeMap, net::SocketAddr, path::Path, time::Duration};

use buttress::{
    admin::Token,
    config::{TargetConfig, from_toml},
};
use serde::Deserialize;

pub(crate) use self::targets::{are_one_account, circuit, differ_in_numbers_only};
pub use self::{
    error::ConfigError,
    routes::{CommitPoint, Entry, RouteConfig},
    seconds::Seconds,
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
    /// Lets in whoever can reach it, although it listens beyond loopback. Default: no.
    #[serde(default)]
    pub anonymous: bool,
    /// The environment variable with the operator's token. Read at the start only. None: nothing can be changed over HTTP.
    pub admin_token_env: Option<String>,
    /// The largest request body. Default: 32 MiB.
    #[serde(default = "max_request_bytes")]
    pub max_request_bytes: usize,
    /// How long a request's body may take to arrive. Default: 60 s.
    #[serde(default = "upload_seconds")]
    pub upload_seconds: Seconds,
    /// How long a shutdown waits for the answers under way. Read at the start only. Default: 30 s.
    #[serde(default = "drain_seconds")]
    pub drain_seconds: Seconds,
    /// Who may call: a name, and the environment variable with the key. Nobody listed: anybody.
    #[serde(default)]
    pub callers: BTreeMap<String, String>,
    /// Whom it calls, by name.
    pub targets: BTreeMap<String, TargetConfig>,
    /// Which model goes where. An exact name comes before a pattern; of patterns the first that fits.
    pub routes: Vec<RouteConfig>,
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
    /// Reads the file; also what stands in it, by which a change of it is seen. The error names the file, and what in it
    /// breaks which rule.
    pub fn read(path: &Path) -> Result<(Config, String), ConfigError> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::new(&file, error))?;
        Ok((Config::parse(&text, &file)?, text))
    }

    /// Reads a text that stands in this file.
    pub fn parse(text: &str, file: &str) -> Result<Config, ConfigError> {
        let config: Config = from_toml(text, file).map_err(|error| ConfigError(error.to_string()))?;
        config.check().map_err(|ConfigError(reason)| ConfigError::new(file, reason))?;
        Ok(config)
    }

    /// Another place to listen at, by the same rules.
    pub fn set_listen(&mut self, listen: SocketAddr) -> Result<(), ConfigError> {
        self.listen = listen;
        self.check()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let listen = self.listen;
        if !listen.ip().is_loopback() && self.callers.is_empty() && !self.anonymous {
            let rule = "beyond loopback there must be `callers`, or `anonymous = true`";
            return Err(ConfigError::value("listen", listen, rule));
        }
        if self.max_request_bytes == 0 {
            return Err(ConfigError::value("max_request_bytes", 0, "nothing would pass"));
        }
        for (name, target) in &self.targets {
            targets::check(name, target)?;
        }
        for (place, route) in self.routes.iter().enumerate() {
            route.check(&self.targets)?;
            if self.routes[..place].iter().any(|other| other.model == route.model) {
                return Err(ConfigError::value("routes.model", &route.model, "it stands there twice"));
            }
        }
        if self.routes.is_empty() {
            return Err(ConfigError::value("routes", "[]", "there must be one at least"));
        }
        Ok(())
    }

    /// The operator's token, if the file names one.
    pub(crate) fn admin_token(&self, env: Env<'_>) -> Result<Option<Token>, ConfigError> {
        let Some(variable) = &self.admin_token_env else { return Ok(None) };
        let token = Config::secret("admin_token_env", variable, env)?;
        Token::new(token).map(Some).map_err(|error| ConfigError::new("admin_token_env", error))
    }

    /// The secret in the environment variable that this key names.
    pub(crate) fn secret(key: &str, variable: &str, env: Env<'_>) -> Result<String, ConfigError> {
        let value = env(variable).map(|value| value.trim().to_owned());
        let rule = "the environment has no such variable, or it is empty";
        value.filter(|value| !value.is_empty()).ok_or_else(|| ConfigError::value(key, variable, rule))
    }
}
