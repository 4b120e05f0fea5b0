//! How a call ended, and what it used.

use std::{fmt, ops::AddAssign, time::Duration};

use crate::Kind;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// The answer arrived whole.
    Success,
    /// The call failed, for the reason inside.
    Failure(Failure),
    /// The caller walked away before the end.
    Cancelled,
}

impl Outcome {
    /// Whether the answer arrived whole.
    pub fn is_success(&self) -> bool {
        matches!(self, Outcome::Success)
    }

    /// The failure, if it is one.
    pub fn failure(&self) -> Option<Failure> {
        match self {
            Outcome::Failure(failure) => Some(*failure),
            Outcome::Success | Outcome::Cancelled => None,
        }
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Outcome::Failure(failure)
    }
}

impl From<Kind> for Outcome {
    fn from(kind: Kind) -> Self {
        Outcome::Failure(kind.into())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Success => f.write_str("success"),
            Outcome::Failure(failure) => failure.fmt(f),
            Outcome::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Why a call failed, and when the other side will hear it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Failure {
    /// The reason.
    pub kind: Kind,
    /// The wait that the other side asked for: a floor for whoever waits.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// A failure of this kind, without a hint.
    pub const fn new(kind: Kind) -> Self {
        Failure { kind, retry_after: None }
    }

    /// The same failure with this hint, or with none.
    #[must_use]
    pub const fn with_retry_after(mut self, hint: Option<Duration>) -> Self {
        self.retry_after = hint;
        self
    }
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Failure::new(kind)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)?;
        match self.retry_after {
            Some(hint) => write!(f, ", retry after {hint:?}"),
            None => Ok(()),
        }
    }
}

/// The tokens that a call used.
///
/// `input` counts every token of the prompt, cached or not; `output` every generated token, reasoning included. So
/// `cached_input` and `cache_write` are parts of `input`, and `reasoning` is a part of `output`, whatever the
/// provider's own arithmetic is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Usage {
    /// Tokens of the prompt.
    pub input: u64,
    /// Tokens generated.
    pub output: u64,
    /// The part of `input` read from a prompt cache.
    pub cached_input: u64,
    /// The part of `input` written to a prompt cache.
    pub cache_write: u64,
    /// The part of `output` spent on reasoning.
    pub reasoning: u64,
}

impl Usage {
    /// A usage of so many tokens in and out, nothing cached.
    pub const fn new(input: u64, output: u64) -> Self {
        Usage { input, output, cached_input: 0, cache_write: 0, reasoning: 0 }
    }

    /// Input and output together.
    pub const fn total(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cached_input = self.cached_input.saturating_add(other.cached_input);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.reasoning = self.reasoning.saturating_add(other.reasoning);
    }
}

/// The end of a call: its outcome, and the usage as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// How it ended.
    pub outcome: Outcome,
    /// What it used. A cut or cancelled call has what was known by then.
    pub usage: Option<Usage>,
}

impl Ended {
    /// An end with this outcome, usage unknown.
    pub fn new(outcome: impl Into<Outcome>) -> Self {
        Ended { outcome: outcome.into(), usage: None }
    }

    /// The same end with this usage.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<Usage>) -> Self {
        self.usage = usage;
        self
    }
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        Ended::new(outcome)
    }
}
