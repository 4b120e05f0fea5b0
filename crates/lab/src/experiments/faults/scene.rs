//! The calls of a run, and when provider A is unwell.

use std::{ops::Range, time::Duration};

use crate::workload::{Arrival, Workload};

#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) calls: Vec<Arrival>,
    fault: Range<Duration>,
    /// Tokens a second, in the mean.
    pub(super) demand: f64,
}

impl Scene {
    /// The calls of the first `length`, with the fault on in its middle third.
    pub(super) fn new(workload: &Workload, length: Duration) -> Self {
        let calls = workload.calls.iter().copied().take_while(|call| call.at < length).collect();
        Scene { calls, fault: length / 3..length / 3 * 2, demand: workload.demand() }
    }

    /// How long the fault has been on at this time of the run.
    pub(super) fn since_fault(&self, now: Duration) -> Option<Duration> {
        self.fault.contains(&now).then(|| now.saturating_sub(self.fault.start))
    }
}
