//! What a circuit tells of itself.

use std::{fmt, time::Duration};

use buttress_call::Kind;
use tokio::time::Instant;

use crate::word::Word;

/// What a circuit does with calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// Calls pass, and their ends are counted.
    Closed,
    /// Calls are refused.
    Open {
        /// From then on the next call is a probe. Nothing happens by itself at that time: no timer runs.
        until: Instant,
    },
    /// A few probes pass, the rest is refused.
    HalfOpen,
    /// An operator holds it open: calls are refused.
    ForcedOpen,
    /// An operator holds it closed: calls pass, and their ends are not counted.
    ForcedClosed,
}

impl State {
    /// The state's name in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Closed => "closed",
            State::Open { .. } => "open",
            State::HalfOpen => "half_open",
            State::ForcedOpen => "forced_open",
            State::ForcedClosed => "forced_closed",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a circuit changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is new.
    Start,
    /// So many failures in a row; the last was of this kind.
    ConsecutiveFailures {
        /// How many.
        failures: u64,
        /// The kind of the last one.
        kind: Kind,
    },
    /// Too large a share of failures.
    FailureRate {
        /// Failed calls in the window.
        failed: u64,
        /// Calls in the window.
        total: u64,
    },
    /// Too large a share of slow first contents.
    SlowRate {
        /// Slow calls in the window.
        slow: u64,
        /// Calls in the window.
        total: u64,
    },
    /// The open time is over, and a call came.
    OpenTimeOver,
    /// So many probes as it takes have succeeded.
    ProbesSucceeded,
    /// A call of the half-open circuit failed.
    ProbeFailed(Kind),
    /// A probe's first content was slow.
    ProbeSlow,
    /// [`BreakerHandle::force_open`](crate::BreakerHandle::force_open).
    ForcedOpen,
    /// [`BreakerHandle::force_close`](crate::BreakerHandle::force_close).
    ForcedClosed,
    /// [`BreakerHandle::reset`](crate::BreakerHandle::reset).
    Reset,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Start => f.write_str("start"),
            Reason::ConsecutiveFailures { failures, kind } => {
                write!(f, "{failures} failures in a row, the last: {kind}")
            }
            Reason::FailureRate { failed, total } => write!(f, "{failed} of {total} calls failed"),
            Reason::SlowRate { slow, total } => write!(f, "{slow} of {total} first contents were slow"),
            Reason::OpenTimeOver => f.write_str("open time over"),
            Reason::ProbesSucceeded => f.write_str("probes succeeded"),
            Reason::ProbeFailed(kind) => write!(f, "probe failed: {kind}"),
            Reason::ProbeSlow => f.write_str("probe was slow"),
            Reason::ForcedOpen => f.write_str("forced open"),
            Reason::ForcedClosed => f.write_str("forced closed"),
            Reason::Reset => f.write_str("reset"),
        }
    }
}

/// One change of a circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transition {
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Instant,
    /// Orders changes that two threads tell at the same time.
    pub(crate) word: Word,
}

/// A circuit at one moment. Its counts are read one after the other, not at one stroke.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The state.
    pub state: State,
    /// Failures in a row; zero unless closed.
    pub consecutive_failures: u64,
    /// Calls in the failure rate's window; zero without that rate, or unless closed.
    pub calls: u64,
    /// Failures among them.
    pub failures: u64,
    /// Calls in the slow rate's window; zero without that rate, or unless closed.
    pub timed: u64,
    /// Slow ones among them.
    pub slow: u64,
    /// The usual time to first content, once it is known.
    pub baseline: Option<Duration>,
    /// Probes that hold a slot.
    pub probes: u32,
    /// Probes that succeeded since the circuit became half-open.
    pub probes_succeeded: u32,
    /// Calls refused so far.
    pub rejected: u64,
    /// How often it has opened by itself so far.
    pub opened: u64,
}
