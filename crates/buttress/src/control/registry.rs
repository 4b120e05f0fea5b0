//! Which handles stand under which names.

use std::sync::Arc;

use tokio::sync::watch;

use super::refused::{Kind, Refused};
use crate::{
    TargetHandles,
    breaker::{BreakerHandle, Transition},
    failover::{Change, FailoverHandle},
    hedge::HedgeHandle,
    telemetry::Telemetry,
};

/// In the order of registration.
#[derive(Clone, Default)]
pub(super) struct Registry {
    pub(super) targets: Vec<Target>,
    pub(super) routes: Vec<Route>,
    pub(super) telemetry: Option<Telemetry>,
}

#[derive(Clone)]
pub(super) struct Target {
    pub(super) handles: TargetHandles,
    /// The breaker's changes since they were recorded.
    pub(super) changes: Option<watch::Receiver<Transition>>,
}

#[derive(Clone)]
pub(super) struct Route {
    pub(super) name: Arc<str>,
    pub(super) failover: Option<FailoverHandle>,
    pub(super) hedge: Option<HedgeHandle>,
    /// The failover's changes since they were recorded.
    pub(super) changes: Option<watch::Receiver<Change>>,
}

impl Target {
    pub(super) fn new(handles: TargetHandles) -> Self {
        Target { changes: handles.breaker.as_ref().map(BreakerHandle::watch), handles }
    }
}

impl Route {
    pub(super) fn new(name: Arc<str>) -> Self {
        Route { name, failover: None, hedge: None, changes: None }
    }

    pub(super) fn with_failover(self, failover: Option<FailoverHandle>) -> Self {
        Route { changes: failover.as_ref().map(FailoverHandle::watch), failover, ..self }
    }

    pub(super) fn with_hedge(self, hedge: Option<HedgeHandle>) -> Self {
        Route { hedge, ..self }
    }
}

impl Registry {
    /// The target of this name, new if need be.
    pub(super) fn target(&mut self, name: &Arc<str>) -> &mut Target {
        let place = self.targets.iter().position(|target| target.handles.name == *name);
        let place = place.unwrap_or_else(|| {
            self.targets.push(Target::new(TargetHandles::new(name.clone())));
            self.targets.len() - 1
        });
        &mut self.targets[place]
    }

    /// The route of this name, new if need be.
    pub(super) fn route(&mut self, name: &Arc<str>) -> &mut Route {
        let place = self.routes.iter().position(|route| route.name == *name);
        let place = place.unwrap_or_else(|| {
            self.routes.push(Route::new(name.clone()));
            self.routes.len() - 1
        });
        &mut self.routes[place]
    }

    pub(super) fn find(&self, name: &str) -> Result<&TargetHandles, Refused> {
        let found = self.targets.iter().find(|target| &*target.handles.name == name);
        let known = || self.targets.iter().map(|target| target.handles.name.clone());
        found
            .map(|target| &target.handles)
            .ok_or_else(|| Refused::unknown(Kind::Target, name, "is not registered", known()))
    }

    pub(super) fn find_route(&self, name: &str) -> Result<&Route, Refused> {
        let known = || self.routes.iter().map(|route| route.name.clone());
        let found = self.routes.iter().find(|route| &*route.name == name);
        found.ok_or_else(|| Refused::unknown(Kind::Route, name, "is not registered", known()))
    }
}
