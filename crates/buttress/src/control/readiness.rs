//! Whether a program can do its work.

use std::sync::Arc;

use serde::Serialize;

use super::{
    registry::Registry,
    status::{BreakerStatus, RouteStatus},
};

/// Whether every route has a target that can serve.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Readiness {
    /// True if each of the routes is ready. Without routes: if some registered target can serve.
    pub ready: bool,
    /// Why not.
    pub reason: Option<String>,
    /// Route by route.
    pub routes: Vec<RouteReadiness>,
}

/// Whether a route has a target that can serve.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RouteReadiness {
    /// The route's name.
    pub name: Arc<str>,
    /// True if some target of it takes calls.
    pub ready: bool,
    /// What keeps each target from serving, if none does.
    pub reason: Option<String>,
}

impl Readiness {
    pub(super) fn of(registry: &Registry) -> Self {
        let routes = registry.routes.iter().map(|route| RouteStatus::of(route, registry)).collect::<Vec<_>>();
        Self::of_routes(registry, &routes)
    }

    pub(super) fn of_routes(registry: &Registry, routes: &[RouteStatus]) -> Self {
        let routes: Vec<_> = routes.iter().map(RouteReadiness::of).collect();
        let bad = routes.iter().filter_map(|route| Some((&route.name, route.reason.as_ref()?)));
        let bad: Vec<_> = bad.map(|(name, reason)| format!("route {name:?}: {reason}")).collect();
        let reason = match bad.is_empty() {
            false => Some(bad.join("; ")),
            true if routes.is_empty() => alone(registry),
            true => None,
        };
        Readiness { ready: reason.is_none(), reason, routes }
    }
}

impl RouteReadiness {
    fn of(route: &RouteStatus) -> Self {
        let ready = route.targets.iter().any(|target| target.can_serve);
        let reason = || {
            let reasons = route.targets.iter().map(|target| {
                let reason = target.reason.as_deref().unwrap_or(target.state);
                format!("{:?} {reason}", &*target.name)
            });
            match reasons.collect::<Vec<_>>().join(", ") {
                none if none.is_empty() => "it has no targets".to_owned(),
                reasons => format!("no target can serve: {reasons}"),
            }
        };
        RouteReadiness { name: route.name.clone(), ready, reason: (!ready).then(reason) }
    }
}

/// Why none of the targets can serve that stand in no route.
fn alone(registry: &Registry) -> Option<String> {
    if registry.targets.is_empty() {
        return Some("nothing is registered".to_owned());
    }
    let mut reasons = Vec::new();
    for target in &registry.targets {
        let breaker = target.handles.breaker.as_ref().map(BreakerStatus::of);
        let refusal = breaker.filter(|breaker| breaker.refuses)?;
        reasons.push(format!("{:?} {}", &*target.handles.name, refusal.says()));
    }
    Some(format!("no target can serve: {}", reasons.join(", ")))
}
