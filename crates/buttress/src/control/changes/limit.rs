//! The limits of a target.

use crate::{
    control::{Control, Refused},
    limit::{LimitHandle, Policy},
};

/// The limits of a target. These methods fail if there is no such target, or if no limiter is registered for it.
impl Control {
    /// The quotas of the target's limiter.
    pub fn limit_policy(&self, target: &str) -> Result<Policy, Refused> {
        Ok(self.limit(target)?.policy())
    }

    /// Changes the quotas of the target's limiter, as [`LimitHandle::set_policy`] does. Fails also if they make no sense.
    pub fn set_limit_policy(&self, target: &str, policy: Policy) -> Result<(), Refused> {
        self.limit(target)?.set_policy(policy)?;
        self.changed_numbers("limit", target, "quotas changed");
        Ok(())
    }

    fn limit(&self, target: &str) -> Result<LimitHandle, Refused> {
        self.layer(target, "limiter", |handles| handles.limit.clone())
    }
}
