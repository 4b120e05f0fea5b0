//! A look at the circuit, and a hand on it.

use std::{fmt, sync::Arc};

use tokio::sync::watch;

use crate::{InvalidPolicy, Policy, Snapshot, State, Transition, shared::Shared};

/// Watches and steers a circuit while it is in use. Cheap to clone; every clone acts on the same circuit.
#[derive(Clone)]
pub struct BreakerHandle {
    shared: Arc<Shared>,
}

impl BreakerHandle {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        BreakerHandle { shared }
    }

    /// The state.
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Whether a call would be refused now: one atomic load while the circuit is closed.
    ///
    /// False for an open circuit whose time is over, and for a half-open one with a free slot: they wait for a probe.
    pub fn is_open(&self) -> bool {
        self.shared.refuses()
    }

    /// The circuit's changes, each with its reason. A receiver always has the latest; a slow one may miss some before.
    pub fn watch(&self) -> watch::Receiver<Transition> {
        self.shared.changes()
    }

    /// The state with its counts.
    pub fn snapshot(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// The circuit's name, if it was given one.
    pub fn name(&self) -> Option<Arc<str>> {
        self.shared.name()
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        self.shared.policy()
    }

    /// Refuses every call until [`force_close`](BreakerHandle::force_close) or [`reset`](BreakerHandle::reset). Calls
    /// under way go on.
    pub fn force_open(&self) {
        self.shared.force(true);
    }

    /// Lets every call through and counts nothing until [`force_open`](BreakerHandle::force_open) or
    /// [`reset`](BreakerHandle::reset).
    pub fn force_close(&self) {
        self.shared.force(false);
    }

    /// Closes the circuit and forgets all it has learnt; from now on it acts by itself again.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Changes the policy. A closed circuit starts to count anew; an open one keeps its time, a half-open one its probes.
    pub fn set_policy(&self, policy: Policy) -> Result<(), InvalidPolicy> {
        policy.check()?;
        self.shared.set_policy(policy);
        Ok(())
    }
}

impl fmt::Debug for BreakerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerHandle")
            .field("name", &self.name())
            .field("snapshot", &self.snapshot())
            .finish_non_exhaustive()
    }
}
