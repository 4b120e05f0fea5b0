//! One call's way from target to target.

mod attempt;
mod next;

use std::sync::Arc;

use buttress_call::{Carries, InUse, Shape, Targets};
use tokio::time::Instant;

use crate::{
    Cooldown,
    cooling::{Look, Probe, Seen},
    log::Log,
    target::{State, Target},
    waiting::Waiting,
};

/// The state of one call. Everything boxed is there only once something has gone wrong, or runs beside.
pub(crate) struct Tour<S, C, Req> {
    targets: Arc<[Target<S>]>,
    classify: C,
    /// Gone once the last target has it.
    request: Option<Req>,
    carried: Carried,
    /// One bit for each target that was called, or failed to become ready.
    tried: u64,
    /// The bits of those that were passed over for the current one because they were not ready.
    unready: u64,
    current: usize,
    sent: bool,
    held: Option<Box<Held>>,
    waiting: Option<Box<Waiting<S>>>,
    log: Option<Box<Log>>,
}

/// What the request's `Call` said when the call began.
#[derive(Default)]
struct Carried {
    deadline: Option<Instant>,
    shape: Option<Arc<Shape>>,
    targets: Option<Targets>,
    another_can_serve: bool,
}

/// What an attempt holds until its future is gone.
struct Held {
    seen: Seen,
    _probe: Option<Probe>,
    _in_use: Option<InUse>,
}

/// How a target that was not tried yet stands to a call: the better rank is tried first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Free,
    InUse,
    Cooling(Cooldown),
    Gated,
}

impl<S, C, Req> Tour<S, C, Req>
where
    C: Carries<Req>,
{
    pub(crate) fn new(targets: Arc<[Target<S>]>, classify: C, request: Req) -> Self {
        let carried = classify.call(&request).map_or_else(Carried::default, |call| Carried {
            deadline: call.deadline(),
            shape: call.shape().cloned(),
            targets: call.targets().cloned(),
            another_can_serve: call.another_can_serve(),
        });
        Tour {
            targets,
            classify,
            request: Some(request),
            carried,
            tried: 0,
            unready: 0,
            current: 0,
            sent: false,
            held: None,
            waiting: None,
            log: None,
        }
    }
}

impl<S, C, Req> Tour<S, C, Req> {
    fn rank(&self, index: usize) -> Rank {
        let state = &self.targets[index].state;
        if state.is_gated() {
            Rank::Gated
        } else if let Look::Cooling(cooldown) = state.cooler.look(state.cooler.seen(self.model())) {
            Rank::Cooling(cooldown)
        } else if self.carried.targets.as_ref().is_some_and(|targets| targets.in_use(&state.name)) {
            Rank::InUse
        } else {
            Rank::Free
        }
    }

    /// Not tried, and not waited for already.
    fn is_candidate(&self, index: usize) -> bool {
        let waited_for = self.waiting.as_ref().map_or(0, |waiting| waiting.mask());
        (self.tried | waited_for) & 1 << index == 0
    }

    fn upstream_failed(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.upstream_failed())
    }

    fn state(&self) -> &State {
        &self.targets[self.current].state
    }

    fn model(&self) -> Option<&Arc<str>> {
        self.carried.shape.as_ref()?.model.as_ref()
    }
}
