//! What is to be seen of a failover from outside.

use std::{fmt, sync::Arc};

use crate::{Cooldown, target::State};

/// Looks at a failover's targets while it serves. Cheap to clone, and independent of the targets' type.
#[derive(Clone)]
pub struct FailoverHandle {
    pub(crate) targets: Arc<[Arc<State>]>,
}

/// A target at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Why it is out of service, and for how much longer; `None` while it serves.
    pub cooling: Option<Cooldown>,
    /// The models that it does not have, by the name that callers use.
    pub cooling_models: Vec<(Arc<str>, Cooldown)>,
    /// Whether its gate keeps calls from it.
    pub gated: bool,
}

impl FailoverHandle {
    /// Every target, in order.
    pub fn snapshot(&self) -> Vec<TargetSnapshot> {
        let of = |state: &Arc<State>| {
            let (cooling, cooling_models) = state.cooler.snapshot();
            TargetSnapshot { name: state.name.clone(), cooling, cooling_models, gated: state.is_gated() }
        };
        self.targets.iter().map(of).collect()
    }
}

impl fmt::Debug for FailoverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.targets.iter().map(|state| &state.name)).finish()
    }
}
