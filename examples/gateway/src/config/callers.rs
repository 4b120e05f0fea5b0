//! Who may call.

use serde::Deserialize;

use super::{ConfigError, Env};

/// One caller.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CallerConfig {
    /// Its name in logs.
    pub name: String,
    /// The environment variable that holds its key.
    pub key_env: String,
}

impl CallerConfig {
    pub(crate) fn key(&self, env: Env<'_>) -> Result<String, ConfigError> {
        secret(&self.key_env, env).map_err(|reason| ConfigError::of("callers", &self.name, reason))
    }
}

/// The secret in an environment variable.
pub(super) fn secret(name: &str, env: Env<'_>) -> Result<String, String> {
    match env(name).map(|value| value.trim().to_owned()) {
        None => Err(format!("key_env = {name:?}: there is no such environment variable")),
        Some(value) if value.is_empty() => {
            Err(format!("key_env = {name:?}: the environment variable is empty"))
        }
        Some(value) => Ok(value),
    }
}
