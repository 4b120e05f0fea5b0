//! What telemetry is told.

use std::{fmt, time::Duration};

use crate::Price;

/// The numbers of a [`Telemetry`](crate::Telemetry).
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// What tokens cost; they can be [changed](crate::Telemetry::set_prices) later. Default: none, and no cost is known.
    pub prices: Vec<Price>,
    /// How many models get a name of their own in metrics: those with a price, and then the first that a provider has
    /// answered for; all others are `other`. Names come from callers, so they must have a bound. Default: 64.
    pub models: usize,
    /// How far back the snapshot's latencies look: between half of it and all of it. Default: 10 min.
    pub window: Duration,
    /// How many of the latest events the snapshot has. Default: 128.
    pub events: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { prices: Vec::new(), models: 64, window: Duration::from_secs(10 * 60), events: 128 }
    }
}

impl Settings {
    pub(crate) fn check(&self) -> Result<(), InvalidSettings> {
        let Settings { models, window, events, .. } = self;
        if *window < Duration::from_secs(1) {
            return Err(Rule::Window(*window).into());
        }
        for (field, value) in [("models", *models), ("events", *events)] {
            if value > MOST {
                return Err(Rule::TooMany { field, value }.into());
            }
        }
        Ok(())
    }
}

/// The most names and events that are kept.
const MOST: usize = 10_000;

/// Settings that make no sense, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidSettings(Rule);

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    Window(Duration),
    TooMany { field: &'static str, value: usize },
    Price { target: String, model: Option<String>, field: &'static str, value: f64 },
    PricedTwice(String, Option<String>),
}

impl From<Rule> for InvalidSettings {
    fn from(rule: Rule) -> Self {
        InvalidSettings(rule)
    }
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |model: &Option<String>| model.as_deref().unwrap_or("any other model").to_owned();
        match &self.0 {
            Rule::Window(window) => write!(f, "window {window:?}: it must be at least 1s"),
            Rule::TooMany { field, value } => write!(f, "{field} {value}: it must be at most {MOST}"),
            Rule::Price { target, model, field, value } => {
                let model = name(model);
                write!(
                    f,
                    "price of {model} at {target}: {field} {value} must be a finite number of zero or more"
                )
            }
            Rule::PricedTwice(target, model) => {
                write!(f, "price of {} at {target}: given twice", name(model))
            }
        }
    }
}

impl std::error::Error for InvalidSettings {}
