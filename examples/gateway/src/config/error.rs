//! What is wrong with a file.

use std::fmt;

/// Why a file is refused: which value breaks which rule. It holds no secret: those are not in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub(crate) String);

impl ConfigError {
    /// An error about something that has a name.
    pub(crate) fn new(what: impl fmt::Display, reason: impl fmt::Display) -> Self {
        ConfigError(format!("{what}: {reason}"))
    }

    pub(crate) fn value(key: impl fmt::Display, value: impl fmt::Display, rule: &str) -> Self {
        ConfigError(format!("{key} = {value}: {rule}"))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}
