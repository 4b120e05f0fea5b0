//! What the caller gets when a limit ends a call.

use std::{fmt, time::Duration};

use buttress_call::Kind;

/// Which limit ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// The deadline: this layer's total, or an earlier one that the call brought along.
    Total,
    /// No content of a stream came in time.
    FirstContent,
    /// A stream went silent.
    Idle,
    /// A whole answer was not there in time.
    Answer,
}

impl Phase {
    /// The phase's name in logs and metrics: lower case with underscores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Phase::Total => "total",
            Phase::FirstContent => "first_content",
            Phase::Idle => "idle",
            Phase::Answer => "answer",
        }
    }

    /// A stream that goes silent has broken off: a reader has part of it already. All else is an answer that was not
    /// there in time.
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Phase::Idle => Kind::Broken,
            Phase::Total | Phase::FirstContent | Phase::Answer => Kind::Timeout,
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A limit ended the call: the source of this layer's [`Error`](buttress_call::Error).
///
/// That error's kind is [`Timeout`](Kind::Timeout), except [`Broken`](Kind::Broken) for an idle stream, and
/// [`Rejected`](Kind::Rejected) for a call whose deadline had passed before it came here: the provider was not asked,
/// so it says nothing of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed {
    phase: Phase,
    limit: Duration,
    bytes: u64,
    sent: bool,
}

impl Elapsed {
    pub(crate) fn new(phase: Phase, limit: Duration, bytes: u64, sent: bool) -> Self {
        Elapsed { phase, limit, bytes, sent }
    }

    /// Which limit it was.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// The limit. For [`Phase::Total`], the time that was left when the call came here: zero if there was none.
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// Bytes of the answer's body that had arrived by then, as far as anybody counted them.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit;
        let from = if self.sent { "send" } else { "call" };
        match self.phase {
            Phase::Total if limit.is_zero() => return f.write_str("the deadline had passed before the call"),
            Phase::Total => write!(f, "not done within {limit:?} of the call")?,
            Phase::FirstContent => write!(f, "no first content within {limit:?} of the {from}")?,
            Phase::Idle => write!(f, "no further content within {limit:?}")?,
            Phase::Answer => write!(f, "no whole answer within {limit:?} of the {from}")?,
        }
        write!(f, " ({} bytes seen)", self.bytes)
    }
}

impl std::error::Error for Elapsed {}
