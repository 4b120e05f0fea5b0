//! Everything as it is at one moment, as plain values: for pages, scripts and logs.
//!
//! Times are in seconds, to the millisecond. What a layer does not have, or does not know yet, is `None`.

mod breaker;
mod limit;
mod route;
mod target;

use std::time::Duration;

use serde::Serialize;

pub use self::{
    breaker::BreakerStatus,
    limit::{LevelStatus, LimitStatus},
    route::{CoolingModel, HedgeStatus, PlaceStatus, RouteStatus},
    target::TargetStatus,
};
use super::{Event, Readiness, event::rounded, journal::KEPT, registry::Registry};
use crate::telemetry::{Snapshot, Telemetry};

/// Everything that is registered, as it is at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// Whether calls can be served at all.
    pub readiness: Readiness,
    /// For how long the [`Control`](crate::control::Control) has been there.
    pub uptime_seconds: f64,
    /// The routes, in the order of registration.
    pub routes: Vec<RouteStatus>,
    /// The targets, in the order of registration, and after them those that only a route knows.
    pub targets: Vec<TargetStatus>,
    /// The telemetry's figures, if it is registered; its events are among those below.
    pub telemetry: Option<Snapshot>,
    /// What has happened, the latest first; 256 events at most.
    pub events: Vec<Event>,
}

impl Status {
    pub(super) fn of(registry: &Registry, mut events: Vec<Event>, uptime: Duration) -> Self {
        let routes = registry.routes.iter().map(|route| RouteStatus::of(route, registry)).collect::<Vec<_>>();
        let mut telemetry = registry.telemetry.as_ref().map(Telemetry::snapshot);
        if let Some(telemetry) = &mut telemetry {
            let known = |name: &str| registry.find(name).is_ok();
            let told = std::mem::take(&mut telemetry.events);
            events.extend(told.iter().filter_map(|event| Event::of_telemetry(event, known)));
            events.sort_by(|one, other| one.ago_seconds.total_cmp(&other.ago_seconds));
            events.truncate(KEPT);
        }
        Status {
            readiness: Readiness::of_routes(registry, &routes),
            uptime_seconds: rounded(uptime),
            targets: TargetStatus::all(registry, &routes),
            routes,
            telemetry,
            events,
        }
    }
}
