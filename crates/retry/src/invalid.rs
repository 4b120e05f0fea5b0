//! Numbers that make no sense.

use std::fmt;

/// Why numbers were refused: the field, its value, and the rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRetries {
    field: &'static str,
    value: String,
    rule: &'static str,
}

impl InvalidRetries {
    pub(crate) fn new(field: &'static str, value: &dyn fmt::Debug, rule: &'static str) -> Self {
        InvalidRetries { field, value: format!("{value:?}"), rule }
    }
}

impl fmt::Display for InvalidRetries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidRetries { field, value, rule } = self;
        write!(f, "retries: {field} = {value}: {rule}")
    }
}

impl std::error::Error for InvalidRetries {}
