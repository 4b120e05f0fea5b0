//! Names for handles.

use std::{fmt, sync::Arc};

use super::{
    Control,
    registry::{Route, Target},
};
use crate::{
    TargetHandles, breaker::BreakerHandle, failover::FailoverHandle, hedge::HedgeHandle, limit::LimitHandle,
    retry::RetryBudget,
};

/// Registers a target's layers; each method does so at once, in place of what was there.
#[derive(Clone)]
pub struct TargetEntry {
    control: Control,
    name: Arc<str>,
}

/// Registers a route's layers; each method does so at once, in place of what was there.
#[derive(Clone)]
pub struct RouteEntry {
    control: Control,
    name: Arc<str>,
}

impl TargetEntry {
    pub(super) fn new(control: Control, name: Arc<str>) -> Self {
        control.shared.register(|registry| {
            registry.target(&name);
        });
        TargetEntry { control, name }
    }

    /// Its circuit.
    pub fn breaker(self, breaker: BreakerHandle) -> Self {
        self.with(|handles| handles.breaker = Some(breaker))
    }

    /// Its limiter.
    pub fn limit(self, limit: LimitHandle) -> Self {
        self.with(|handles| handles.limit = Some(limit))
    }

    /// What all its calls together may retry.
    pub fn budget(self, budget: Arc<RetryBudget>) -> Self {
        self.with(|handles| handles.budget = Some(budget))
    }

    fn with(self, change: impl FnOnce(&mut TargetHandles)) -> Self {
        self.control.shared.register(|registry| {
            let target = registry.target(&self.name);
            let mut handles = target.handles.clone();
            change(&mut handles);
            *target = Target::new(handles);
        });
        self
    }
}

impl RouteEntry {
    pub(super) fn new(control: Control, name: Arc<str>) -> Self {
        control.shared.register(|registry| {
            registry.route(&name);
        });
        RouteEntry { control, name }
    }

    /// What chooses among its targets.
    pub fn failover(self, failover: FailoverHandle) -> Self {
        self.with(|route| route.with_failover(Some(failover)))
    }

    /// The hedge over it.
    pub fn hedge(self, hedge: HedgeHandle) -> Self {
        self.with(|route| route.with_hedge(Some(hedge)))
    }

    fn with(self, change: impl FnOnce(Route) -> Route) -> Self {
        self.control.shared.register(|registry| {
            let route = registry.route(&self.name);
            *route = change(route.clone());
        });
        self
    }
}

impl fmt::Debug for TargetEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TargetEntry").field(&self.name).finish()
    }
}

impl fmt::Debug for RouteEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouteEntry").field(&self.name).finish()
    }
}
