//! The circuit of a target.

use crate::{
    breaker::{BreakerHandle, Policy},
    control::{Control, Refused},
};

/// The circuit of a target. These methods fail if there is no such target, or if no breaker is registered for it.
impl Control {
    /// Refuses every call to the target until [`force_close`](Control::force_close) or [`reset`](Control::reset).
    pub fn force_open(&self, target: &str) -> Result<(), Refused> {
        self.breaker(target)?.force_open();
        self.changed("force-open", target);
        Ok(())
    }

    /// Lets every call to the target through, whatever becomes of it, until [`force_open`](Control::force_open) or
    /// [`reset`](Control::reset).
    pub fn force_close(&self, target: &str) -> Result<(), Refused> {
        self.breaker(target)?.force_close();
        self.changed("force-close", target);
        Ok(())
    }

    /// Closes the target's circuit and forgets what it has learnt; from now on it acts by itself again.
    pub fn reset(&self, target: &str) -> Result<(), Refused> {
        self.breaker(target)?.reset();
        self.changed("reset", target);
        Ok(())
    }

    /// The thresholds of the target's circuit.
    pub fn breaker_policy(&self, target: &str) -> Result<Policy, Refused> {
        Ok(self.breaker(target)?.policy())
    }

    /// Changes the thresholds of the target's circuit, as [`BreakerHandle::set_policy`] does. Fails also if they make no
    /// sense.
    pub fn set_breaker_policy(&self, target: &str, policy: Policy) -> Result<(), Refused> {
        self.breaker(target)?.set_policy(policy)?;
        self.changed_numbers("breaker", target, "thresholds changed");
        Ok(())
    }

    fn breaker(&self, target: &str) -> Result<BreakerHandle, Refused> {
        self.layer(target, "breaker", |handles| handles.breaker.clone())
    }
}
