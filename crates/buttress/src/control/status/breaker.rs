//! A circuit.

use serde::Serialize;

use crate::{
    breaker::{BreakerHandle, State},
    control::{
        BreakerNumbers,
        event::{rounded, seconds},
    },
};

/// A circuit at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BreakerStatus {
    /// `closed`, `open`, `half_open`, `forced_open` or `forced_closed`.
    pub state: &'static str,
    /// Whether a call would be refused now.
    pub refuses: bool,
    /// Why it came into this state.
    pub reason: String,
    /// For how long it has been in it.
    pub since_seconds: f64,
    /// How long an open circuit stays so; zero: the next call is a probe.
    pub open_for_seconds: Option<f64>,
    /// Failures in a row, while closed.
    pub consecutive_failures: u64,
    /// Calls in the window of the failure rate, if there is such a rate.
    pub calls: u64,
    /// Failures among them.
    pub failures: u64,
    /// Calls in the window of the slow rate, if there is such a rate.
    pub timed: u64,
    /// Slow ones among them.
    pub slow: u64,
    /// The usual time to first content.
    pub baseline_seconds: Option<f64>,
    /// Probes on their way.
    pub probes: u32,
    /// Probes that succeeded since it is half open.
    pub probes_succeeded: u32,
    /// Calls refused so far.
    pub rejected: u64,
    /// How often it opened by itself so far.
    pub opened: u64,
    /// Its thresholds.
    pub policy: BreakerNumbers,
}

impl BreakerStatus {
    pub(in crate::control) fn of(breaker: &BreakerHandle) -> Self {
        let snapshot = breaker.snapshot();
        let transition = *breaker.watch().borrow();
        let open_for = match snapshot.state {
            State::Open { until } => Some(until.saturating_duration_since(tokio::time::Instant::now())),
            _ => None,
        };
        BreakerStatus {
            state: snapshot.state.as_str(),
            refuses: breaker.is_open(),
            reason: transition.reason.to_string(),
            since_seconds: rounded(transition.at.elapsed()),
            open_for_seconds: open_for.map(rounded),
            consecutive_failures: snapshot.consecutive_failures,
            calls: snapshot.calls,
            failures: snapshot.failures,
            timed: snapshot.timed,
            slow: snapshot.slow,
            baseline_seconds: snapshot.baseline.map(rounded),
            probes: snapshot.probes,
            probes_succeeded: snapshot.probes_succeeded,
            rejected: snapshot.rejected,
            opened: snapshot.opened,
            policy: breaker.policy().into(),
        }
    }

    /// Why calls are refused, in a few words.
    pub(in crate::control) fn says(&self) -> String {
        match self.open_for_seconds {
            Some(left) if left > 0.0 => {
                let left = seconds(std::time::Duration::from_secs_f64(left));
                format!("circuit open for {left} more: {}", self.reason)
            }
            _ if self.state == "half_open" => format!("circuit half open: {}", self.reason),
            _ => format!("circuit {}", self.reason),
        }
    }
}
