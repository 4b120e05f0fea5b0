//! What goes wrong with a client.

use std::{error::Error as StdError, fmt};

use buttress_call::{BoxError, Error, Kind, Origin};

/// Why a client cannot be made: a setting that makes no sense, or no roots to trust.
#[derive(Debug)]
pub struct InvalidClient {
    what: String,
    source: Option<BoxError>,
}

impl InvalidClient {
    pub(super) fn new(what: impl Into<String>) -> Self {
        InvalidClient { what: what.into(), source: None }
    }

    pub(super) fn because(what: impl Into<String>, source: impl Into<BoxError>) -> Self {
        InvalidClient { what: what.into(), source: Some(source.into()) }
    }
}

impl fmt::Display for InvalidClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client: {}", self.what)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for InvalidClient {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// The error of a call. Where no connection came about, nothing was sent: hyper-util knows, its sources do not say.
pub(super) fn of_call(error: hyper_util::client::legacy::Error, host: &str) -> BoxError {
    if error.is_connect() {
        let message = format!("no connection to {host}: {}", root(&error));
        Error::new(Kind::Connect, Origin::Transport, message).with_source(error).into()
    } else {
        error.into()
    }
}

/// The last error of the chain: those around it say little.
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    std::iter::successors(Some(error), |error| (*error).source()).last().unwrap_or(error)
}
