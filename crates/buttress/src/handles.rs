//! What steers a stack while it serves.

use std::sync::Arc;

use crate::{
    breaker::BreakerHandle, failover::FailoverHandle, hedge::HedgeHandle, limit::LimitHandle,
    retry::RetryBudget, telemetry::Telemetry,
};

/// The handles of a stack's layers. Cheap to clone, independent of the services' types.
///
/// A stack made by hand may have fewer layers: what it lacks is `None`.
#[derive(Clone, Debug, Default)]
pub struct Handles {
    /// The list of targets: their order, who is drained, who cools. `None` where there is one target and no failover.
    pub failover: Option<FailoverHandle>,
    /// The hedge's delay and counts.
    pub hedge: Option<HedgeHandle>,
    /// The record of calls and attempts.
    pub telemetry: Option<Telemetry>,
    /// What each target has of its own, in the order in which they were declared.
    pub targets: Vec<TargetHandles>,
}

/// The handles of one target's layers.
#[derive(Clone, Debug)]
pub struct TargetHandles {
    /// The target's name.
    pub name: Arc<str>,
    /// Its circuit.
    pub breaker: Option<BreakerHandle>,
    /// Its limiter.
    pub limit: Option<LimitHandle>,
    /// What all its calls together may retry.
    pub budget: Option<Arc<RetryBudget>>,
}

impl Handles {
    /// The handles of this target.
    pub fn target(&self, name: &str) -> Option<&TargetHandles> {
        self.targets.iter().find(|target| &*target.name == name)
    }
}

impl TargetHandles {
    /// A target of this name, without any layer so far.
    ///
    /// ```
    /// use buttress::{TargetHandles, breaker::BreakerLayer};
    ///
    /// let breaker = BreakerLayer::default().name("openai");
    /// let handles = TargetHandles { breaker: Some(breaker.handle()), ..TargetHandles::new("openai") };
    /// # let _ = handles;
    /// ```
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        TargetHandles { name: name.into(), breaker: None, limit: None, budget: None }
    }
}
