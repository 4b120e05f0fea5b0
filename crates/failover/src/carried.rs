//! What a call carries, and how a target stands to it.

use std::sync::Arc;

use buttress_call::{Call, Shape, Targets};
use tokio::time::Instant;

use crate::{Cooldown, cooling::Look, state::State};

/// What the request's `Call` said when the call began.
#[derive(Default)]
pub(crate) struct Carried {
    pub(crate) deadline: Option<Instant>,
    pub(crate) shape: Option<Arc<Shape>>,
    pub(crate) targets: Option<Targets>,
    pub(crate) another_can_serve: bool,
}

/// How a target that was not tried yet stands to a call: the better rank is tried first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rank {
    Free,
    /// In service, but it warms up and has enough to do.
    Warming,
    InUse,
    Cooling(Cooldown),
    Gated,
    /// Not even a last resort.
    Drained,
}

impl Carried {
    pub(crate) fn of(call: &Call) -> Self {
        Carried {
            deadline: call.deadline(),
            shape: call.shape().cloned(),
            targets: call.targets().cloned(),
            another_can_serve: call.another_can_serve(),
        }
    }

    pub(crate) fn rank(&self, state: &State) -> Rank {
        if state.is_drained() {
            Rank::Drained
        } else if state.is_gated() {
            Rank::Gated
        } else if let Look::Cooling(cooldown) = state.cooler.look(state.cooler.seen(self.model())) {
            Rank::Cooling(cooldown)
        } else if self.targets.as_ref().is_some_and(|targets| targets.in_use(&state.name)) {
            Rank::InUse
        } else if state.is_full() {
            Rank::Warming
        } else {
            Rank::Free
        }
    }

    pub(crate) fn model(&self) -> Option<&Arc<str>> {
        self.shape.as_ref()?.model.as_ref()
    }
}
