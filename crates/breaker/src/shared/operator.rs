//! What an operator does to the circuit.

use std::sync::{Arc, PoisonError};

use super::Shared;
use crate::{
    Policy, Reason,
    settings::counted,
    word::{Mode, Word},
};

impl Shared {
    pub(crate) fn force(&self, open: bool) {
        if open {
            self.publish(self.circuit.set(Mode::Forced, Word::NEVER), Reason::ForcedOpen);
        } else {
            self.publish(self.circuit.set(Mode::Forced, 0), Reason::ForcedClosed);
        }
    }

    pub(crate) fn reset(&self) {
        self.baseline.clear();
        // A new generation, which sees nothing of what the windows hold.
        self.publish(self.circuit.set(Mode::Closed, 0), Reason::Reset);
    }

    /// The policy must have been checked.
    pub(crate) fn set_policy(&self, policy: Policy) {
        let counted = counted(&policy);
        {
            let mut held = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
            *held = policy;
            self.settings.set(&policy, counted);
            // Emptied, too: buckets of another length cannot be summed with these.
            self.failures.set(policy.failure_rate);
            self.slow.set(policy.slow_rate.map(|slow| slow.rate));
        }
        self.circuit.renew(policy.probes);
    }

    pub(crate) fn set_name(&self, name: Arc<str>) {
        *self.name.write().unwrap_or_else(PoisonError::into_inner) = Some(name);
    }

    pub(crate) fn seed(&self, seed: u64) {
        self.jitter.seed(seed);
    }
}
