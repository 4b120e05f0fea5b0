//! What can go wrong: a configuration that makes no sense, and a connection that a fault tore.

use std::{error::Error, fmt, io};

/// A number that no simulation can run with. Its text names the value and the rule it breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    what: &'static str,
    rule: &'static str,
    value: String,
}

impl ConfigError {
    pub(crate) fn new(what: &'static str, rule: &'static str, value: impl fmt::Debug) -> Self {
        Self { what, rule, value: format!("{value:?}") }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} must be {}, not {}", self.what, self.rule, self.value)
    }
}

impl Error for ConfigError {}

/// The connection failed, as a fault asked. The [`io::Error`] that a real client would meet is its
/// [`source`](Error::source).
#[derive(Debug)]
pub struct SimError {
    sim: String,
    io: io::Error,
}

impl SimError {
    pub(crate) fn new(sim: &str, kind: io::ErrorKind) -> Self {
        Self { sim: sim.to_owned(), io: kind.into() }
    }

    /// `ConnectionReset`, `ConnectionRefused`, or `UnexpectedEof` where a body was cut.
    pub fn kind(&self) -> io::ErrorKind {
        self.io.kind()
    }
}

impl fmt::Display for SimError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated provider {} failed the connection", self.sim)
    }
}

impl Error for SimError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.io)
    }
}
