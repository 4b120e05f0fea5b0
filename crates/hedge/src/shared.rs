//! What the calls of one layer share: the delay they learn, the budget they spend, the counts.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use buttress_call::RunningQuantile;

use crate::{Delay, InvalidPolicy, Policy, budget::Budget};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) policy: Policy,
    pub(crate) budget: Budget,
    learnt: Option<RunningQuantile>,
    pub(crate) calls: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) won: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) throttled: AtomicU64,
}

impl Shared {
    pub(crate) fn new(policy: Policy) -> Result<Arc<Self>, InvalidPolicy> {
        policy.check()?;
        let learnt = match policy.delay {
            // The check lets nothing through that this refuses.
            Delay::Learnt { window, .. } => RunningQuantile::new(1.0 - policy.budget, window).ok(),
            Delay::After(_) => None,
        };
        Ok(Arc::new(Shared {
            budget: Budget::new(policy.budget, policy.burst),
            policy,
            learnt,
            calls: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            won: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }))
    }

    /// A call that may be hedged begins.
    pub(crate) fn begin(&self) {
        self.calls.fetch_add(1, Relaxed);
        self.budget.earn();
    }

    /// Whether a call's time is of any use.
    pub(crate) fn learns(&self) -> bool {
        self.learnt.is_some()
    }

    /// When a call counts as slow; `None` while too little is known.
    pub(crate) fn delay(&self) -> Option<Duration> {
        match self.policy.delay {
            Delay::After(delay) => Some(delay),
            Delay::Learnt { min_samples, floor, .. } => {
                Some(self.learnt.as_ref()?.duration(min_samples.into())?.max(floor))
            }
        }
    }

    /// A time to first content, or the age at which a slow call was given up.
    pub(crate) fn record(&self, time: Duration) {
        if let Some(learnt) = &self.learnt {
            learnt.record_duration(time);
        }
    }

    /// A hedge that was sent turned out to be refused on this side: as if it had never been wanted.
    pub(crate) fn take_back(&self) {
        self.sent.fetch_sub(1, Relaxed);
        self.refused.fetch_add(1, Relaxed);
        self.budget.put_back();
    }
}
