//! What is wrong with a target, or with a list of them.

use std::{error::Error as StdError, fmt, sync::Arc};

/// The rule that a target, a list of targets, or their probing, breaks; its message names it and the value.
#[derive(Clone, Debug, PartialEq)]
pub struct InvalidTargets {
    rule: Rule,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Rule {
    Empty,
    /// The position, from zero, of a target whose name is empty.
    Unnamed(usize),
    Twice(Arc<str>),
    TooMany,
    Unknown(Arc<str>),
    GatedTwice(Arc<str>),
    ReopenedTwice(Arc<str>),
    Interval,
    Price(Arc<str>, f64),
    NoWindow(Arc<str>),
    NoModels(Arc<str>),
}

impl From<Rule> for InvalidTargets {
    fn from(rule: Rule) -> Self {
        InvalidTargets { rule }
    }
}

impl fmt::Display for InvalidTargets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.rule {
            Rule::Empty => f.write_str("failover needs at least one target"),
            Rule::Unnamed(position) => write!(f, "target {} has an empty name", position + 1),
            Rule::Twice(name) => write!(f, "two targets are named {name:?}"),
            Rule::TooMany => write!(f, "failover takes at most {} targets", crate::roster::MAX_TARGETS),
            Rule::Unknown(name) => write!(f, "no target is named {name:?}"),
            Rule::GatedTwice(name) => write!(f, "target {name:?} has a gate already"),
            Rule::ReopenedTwice(name) => write!(f, "target {name:?} has a way to reopen its gate already"),
            Rule::Interval => f.write_str("probes every 0 ns: the interval must be longer than zero"),
            Rule::Price(name, price) => {
                write!(f, "target {name:?} has a price of {price}: it must be a number, zero or more")
            }
            Rule::NoWindow(name) => write!(f, "target {name:?} has a window of 0 tokens: no request fits"),
            Rule::NoModels(name) => {
                write!(f, "target {name:?} has an empty list of models: none may be asked for")
            }
        }
    }
}

impl StdError for InvalidTargets {}
