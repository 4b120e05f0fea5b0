//! A target: what it has of its own, whatever the route.

use std::sync::Arc;

use serde::Serialize;

use super::{BreakerStatus, LimitStatus, RouteStatus};
use crate::{TargetHandles, control::registry::Registry};

/// A target at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TargetStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its circuit.
    pub breaker: Option<BreakerStatus>,
    /// Its limiter.
    pub limit: Option<LimitStatus>,
    /// Retries that its budget would grant now.
    pub retries_available: Option<u64>,
    /// Calls that it serves, in all routes, to the end of their answers; without a route as its limiter counts them.
    pub in_flight: u64,
}

impl TargetStatus {
    pub(in crate::control) fn of(handles: &TargetHandles, routes: &[RouteStatus]) -> Self {
        let limit = handles.limit.as_ref().map(LimitStatus::of);
        let places =
            routes.iter().flat_map(|route| &route.targets).filter(|place| place.name == handles.name);
        let in_routes = places.map(|place| u64::from(place.in_flight)).reduce(|sum, more| sum + more);
        let limited = limit.as_ref().map(|limit| limit.in_flight as u64);
        TargetStatus {
            name: handles.name.clone(),
            breaker: handles.breaker.as_ref().map(BreakerStatus::of),
            limit,
            retries_available: handles.budget.as_ref().map(|budget| budget.available()),
            in_flight: in_routes.or(limited).unwrap_or(0),
        }
    }

    pub(super) fn all(registry: &Registry, routes: &[RouteStatus]) -> Vec<Self> {
        let mut all: Vec<_> =
            registry.targets.iter().map(|target| Self::of(&target.handles, routes)).collect();
        for place in routes.iter().flat_map(|route| &route.targets) {
            if all.iter().all(|target| target.name != place.name) {
                all.push(Self::of(&TargetHandles::new(place.name.clone()), routes));
            }
        }
        all
    }
}
