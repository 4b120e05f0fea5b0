//! The breaker's own refusal.

use std::{fmt, sync::Arc, time::Duration};

use buttress_call::{BoxError, Error, Failure, Kind};

/// This layer's name in errors and notes.
pub(crate) const LAYER: &str = "breaker";

/// The circuit is open: the target was not asked.
///
/// Callers get it as the [`source`](std::error::Error::source) of a [`call::Error`](Error) of [`Kind::Rejected`], whose
/// `retry_after` is [`remaining`](Open::remaining).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    name: Option<Arc<str>>,
    remaining: Option<Duration>,
}

impl Open {
    pub(crate) fn new(name: Option<Arc<str>>, remaining: Option<Duration>) -> Self {
        Open { name, remaining }
    }

    pub(crate) fn into_error(self) -> BoxError {
        let failure = Failure::new(Kind::Rejected).with_retry_after(self.remaining);
        Error::by_layer(failure, LAYER, self).into()
    }

    /// The time until the next probe may pass; zero if one may pass by now. `None` if an operator holds the circuit
    /// open.
    pub fn remaining(&self) -> Option<Duration> {
        self.remaining
    }

    /// The circuit's name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("circuit")?;
        if let Some(name) = &self.name {
            write!(f, " {name}")?;
        }
        match self.remaining {
            Some(remaining) => {
                write!(f, " is open: the next probe may pass in {:.3} s", remaining.as_secs_f64())
            }
            None => f.write_str(" is held open by an operator"),
        }
    }
}

impl std::error::Error for Open {}
