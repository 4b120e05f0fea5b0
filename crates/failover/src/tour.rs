//! One call's way from target to target.

mod attempt;
mod next;

use std::sync::Arc;

use buttress_call::{Carries, InUse};
use tokio::time::Instant;

use crate::{
    capability::unfit,
    carried::{Carried, Rank},
    cooling::{Probe, Seen},
    fleet::Fleet,
    log::Log,
    state::State,
    waiting::Waiting,
    warm_up::Era,
};

/// The state of one call. Everything boxed is there only once something has gone wrong, or runs beside.
pub(crate) struct Tour<S, C, K> {
    fleet: Arc<Fleet<S>>,
    classify: C,
    /// What was sent, kept for another target; none once the last one has it.
    kept: Option<K>,
    carried: Carried,
    /// The bits of the targets that were called, or failed to become ready.
    tried: u64,
    /// The bits of those that lack what the request needs.
    unfit: u64,
    /// The bits of those that were passed over for the current one because they were not ready.
    unready: u64,
    /// The place in the fleet of the attempt's target; the fleet is replaced only between attempts.
    current: u32,
    sent: bool,
    /// Since when, and since which era, the attempt is pending: it counts among its target's calls in flight.
    since: Option<(Instant, Era)>,
    in_use: Option<InUse>,
    comeback: Option<Box<Comeback>>,
    waiting: Option<Box<Waiting<S>>>,
    log: Option<Box<Log>>,
}

/// The attempt's target is, or was, out of service: what its success ends, and the right to try.
struct Comeback {
    seen: Seen,
    _probe: Option<Probe>,
}

impl<S, C, K> Tour<S, C, K> {
    #[inline]
    pub(crate) fn new<Req>(fleet: Arc<Fleet<S>>, classify: C, request: &Req) -> Self
    where
        C: Carries<Req>,
    {
        let carried = classify.call(request).map_or_else(Carried::default, Carried::of);
        let unfit = if fleet.is_picky { unfit(&fleet.states, carried.shape.as_deref(), None) } else { 0 };
        Tour {
            fleet,
            classify,
            kept: None,
            carried,
            tried: 0,
            unfit,
            unready: 0,
            current: 0,
            sent: false,
            since: None,
            in_use: None,
            comeback: None,
            waiting: None,
            log: None,
        }
    }
}

impl<S, C, K> Tour<S, C, K> {
    fn rank(&self, index: usize) -> Rank {
        self.carried.rank(&self.fleet.states[index])
    }

    /// The bits of those that were tried, are waited for already, or cannot serve.
    fn passed(&self) -> u64 {
        self.tried | self.unfit | self.waiting.as_ref().map_or(0, |waiting| waiting.mask())
    }

    /// The places of those that were not passed.
    fn candidates(&self) -> impl Iterator<Item = usize> {
        let passed = self.passed();
        (0..self.fleet.states.len()).filter(move |index| passed & self.fleet.states[*index].bit() == 0)
    }

    /// After the list has changed, or what is known of the prompt's size.
    #[cold]
    fn judge_fitness(&mut self) {
        if self.fleet.is_picky {
            let outgrown = self.log.as_ref().and_then(|log| log.outgrown);
            self.unfit = unfit(&self.fleet.states, self.carried.shape.as_deref(), outgrown);
        }
    }

    fn upstream_failed(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.upstream_failed())
    }

    #[cold]
    fn given_up(&self, since: Instant, era: Era) {
        self.state().traffic.given_up(since.elapsed());
        self.state().left(era);
    }

    fn state(&self) -> &Arc<State> {
        &self.fleet.states[self.current as usize]
    }
}

impl<S, C, K> Drop for Tour<S, C, K> {
    // The attempt's future is gone by now.
    #[inline]
    fn drop(&mut self) {
        if let Some((since, era)) = self.since.take() {
            self.given_up(since, era);
        }
    }
}
