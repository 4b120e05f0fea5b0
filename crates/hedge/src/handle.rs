//! What a hedging layer tells of itself.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use crate::shared::Shared;

/// Looks at a [`HedgeLayer`](crate::HedgeLayer) while it works.
#[derive(Clone, Debug)]
pub struct HedgeHandle {
    shared: Arc<Shared>,
}

/// A hedging layer at one moment. The counts are read one after the other, not at one stroke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// When a call counts as slow; `None` while too little is known.
    pub delay: Option<Duration>,
    /// Calls that might be hedged, whether they were or not.
    pub calls: u64,
    /// Hedges sent, those that turned out to be refused left out.
    pub sent: u64,
    /// Hedges that won.
    pub won: u64,
    /// Hedges that a layer below refused, queued, or was not ready for. They cost nothing.
    pub refused: u64,
    /// Hedges for which there was no budget. They were dropped.
    pub throttled: u64,
}

impl HedgeHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        HedgeHandle { shared }
    }

    /// When a call counts as slow; `None` while too little is known.
    pub fn delay(&self) -> Option<Duration> {
        self.shared.delay()
    }

    /// The delay and the counts.
    pub fn snapshot(&self) -> Snapshot {
        let Shared { calls, sent, won, refused, throttled, .. } = &*self.shared;
        Snapshot {
            delay: self.shared.delay(),
            calls: calls.load(Relaxed),
            sent: sent.load(Relaxed),
            won: won.load(Relaxed),
            refused: refused.load(Relaxed),
            throttled: throttled.load(Relaxed),
        }
    }
}
