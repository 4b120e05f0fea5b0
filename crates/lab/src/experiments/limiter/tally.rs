//! What came of a run's calls.

use std::time::Duration;

use crate::report::quantile;

/// How one call ended for the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Answered whole, having waited so long before the send that was admitted.
    Answered { waited: Duration },
    /// It waited for too long and was given up.
    Shed,
    /// Refused by the provider as often as it may be sent.
    Refused,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The provider's 429s.
    pub(crate) refused: u64,
    /// Tokens of the calls that ended in time, over limit times duration.
    pub(crate) utilisation: f64,
    calls: usize,
    shed: usize,
    /// Of the calls that were answered, in seconds, sorted.
    waits: Vec<f64>,
}

impl Tally {
    pub(crate) fn new(ends: &[End], refused: u64, utilisation: f64) -> Self {
        let mut waits: Vec<f64> = ends
            .iter()
            .filter_map(|end| match end {
                End::Answered { waited } => Some(waited.as_secs_f64()),
                End::Shed | End::Refused => None,
            })
            .collect();
        waits.sort_by(f64::total_cmp);
        let shed = ends.iter().filter(|end| **end == End::Shed).count();
        Tally { refused, utilisation, calls: ends.len(), shed, waits }
    }

    /// The share of calls that were answered.
    pub(crate) fn success(&self) -> f64 {
        self.waits.len() as f64 / self.calls as f64
    }

    /// The share of calls that waited for too long.
    pub(crate) fn shed(&self) -> f64 {
        self.shed as f64 / self.calls as f64
    }

    /// A quantile of the answered calls' waits; `None` if none was answered.
    pub(crate) fn wait(&self, q: f64) -> Option<f64> {
        quantile(&self.waits, q)
    }
}
