//! Why a change was not made.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::{breaker, failover::InvalidTargets, limit};

/// Why [`Control`](crate::control::Control) did not do what it was told: what, its value, and the rule. Nothing was
/// changed.
///
/// Numbers that a layer refuses are refused with the layer's own words; its error is the
/// [`source`](std::error::Error::source).
#[derive(Debug)]
pub struct Refused {
    what: String,
    value: String,
    rule: String,
    unknown: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Target,
    Route,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Kind::Target => "target",
            Kind::Route => "route",
        }
    }
}

impl Refused {
    /// What the value is, as `target` or `breaker policy: probes`.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The value that was refused.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The rule that it breaks.
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Whether it is a name that nothing has.
    pub fn is_unknown(&self) -> bool {
        self.unknown
    }

    pub(crate) fn unknown(
        kind: Kind,
        name: &str,
        problem: &str,
        known: impl IntoIterator<Item = Arc<str>>,
    ) -> Self {
        let rule = format!("{problem}; {}", there_are(known.into_iter().collect()));
        let (what, value) = (kind.as_str().to_owned(), format!("{name:?}"));
        Refused { what, value, rule, unknown: true, source: None }
    }

    pub(crate) fn number(what: impl Into<String>, value: &dyn fmt::Display, rule: impl Into<String>) -> Self {
        let (what, rule) = (what.into(), rule.into());
        Refused { what, value: value.to_string(), rule, unknown: false, source: None }
    }

    /// A failover's word on one of its targets, or on a list of them.
    pub(super) fn by_failover(route: &str, targets: &[&str], error: InvalidTargets) -> Self {
        Refused {
            what: format!("targets of route {route:?}"),
            value: format!("{targets:?}"),
            rule: error.to_string(),
            unknown: false,
            source: Some(error.into()),
        }
    }
}

impl From<breaker::InvalidPolicy> for Refused {
    fn from(error: breaker::InvalidPolicy) -> Self {
        let what = format!("breaker policy: {}", error.field());
        let (value, rule) = (error.value().to_owned(), error.rule().to_owned());
        Refused { what, value, rule, unknown: false, source: Some(error.into()) }
    }
}

impl From<limit::InvalidPolicy> for Refused {
    fn from(error: limit::InvalidPolicy) -> Self {
        let what = format!("limit policy: {}", error.field());
        let (value, rule) = (error.value().to_owned(), error.rule().to_owned());
        Refused { what, value, rule, unknown: false, source: Some(error.into()) }
    }
}

/// `there are "a", "b" and "c"`.
fn there_are(mut names: Vec<Arc<str>>) -> String {
    names.sort_unstable();
    names.dedup();
    let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    match &*quoted {
        [] => "there are none".to_owned(),
        [one] => format!("there is {one}"),
        [rest @ .., last] => format!("there are {} and {last}", rest.join(", ")),
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refused { what, value, rule, .. } = self;
        let sign = if self.unknown { "" } else { " =" };
        write!(f, "{what}{sign} {value}: {rule}")
    }
}

impl StdError for Refused {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
