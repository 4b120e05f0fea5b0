//! A route: its targets in order, and the hedge over them.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use super::BreakerStatus;
use crate::{
    control::{
        event::{rounded, seconds},
        registry::{Registry, Route},
    },
    failover::{Cooldown, FailoverHandle, TargetSnapshot, TargetState},
    hedge::HedgeHandle,
};

/// A route at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RouteStatus {
    /// Its name.
    pub name: Arc<str>,
    /// Its targets, by tier and in order.
    pub targets: Vec<PlaceStatus>,
    /// Its hedge.
    pub hedge: Option<HedgeStatus>,
}

/// A target's place in a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct PlaceStatus {
    /// The target's name.
    pub name: Arc<str>,
    /// Lower tiers are asked first.
    pub tier: u32,
    /// Its share of a weighted tier.
    pub weight: u32,
    /// `serving`, `warming_up`, `drained`, `gated` (its breaker lets nothing through) or `cooling`.
    pub state: &'static str,
    /// Whether it takes calls: it serves or warms up, and its breaker is not open.
    pub can_serve: bool,
    /// What keeps it from serving, or from serving all.
    pub reason: Option<String>,
    /// For how long it is still out of service; zero: it waits for a probe to succeed.
    pub remaining_seconds: Option<f64>,
    /// The models that it was found not to have.
    pub cooling_models: Vec<CoolingModel>,
    /// The estimate of its time to first content; a failure counts as 10 s.
    pub first_content_seconds: Option<f64>,
    /// Calls that it serves in this route, to the end of their answers.
    pub in_flight: u32,
    /// The share of its latest calls that succeeded, 0 to 1.
    pub success_rate: f64,
}

/// A model that a target does not have.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CoolingModel {
    /// The name that callers use.
    pub model: Arc<str>,
    /// For how long it is not asked for it.
    pub remaining_seconds: f64,
}

/// A hedge at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HedgeStatus {
    /// When a call counts as slow.
    pub delay_seconds: Option<f64>,
    /// Calls that might be hedged.
    pub calls: u64,
    /// Hedges sent.
    pub sent: u64,
    /// Hedges that won.
    pub won: u64,
    /// Hedges that a layer below refused.
    pub refused: u64,
    /// Hedges for which there was no budget.
    pub throttled: u64,
}

impl RouteStatus {
    pub(in crate::control) fn of(route: &Route, registry: &Registry) -> Self {
        let places = route.failover.iter().flat_map(FailoverHandle::snapshot);
        let place = |place| PlaceStatus::of(place, registry);
        RouteStatus {
            name: route.name.clone(),
            targets: places.map(place).collect(),
            hedge: route.hedge.as_ref().map(HedgeStatus::of),
        }
    }
}

impl PlaceStatus {
    fn of(place: TargetSnapshot, registry: &Registry) -> Self {
        // A failover need not be told of its targets' breakers; calls are refused all the same.
        let handles = registry.find(&place.name).ok();
        let breaker = handles.and_then(|handles| handles.breaker.as_ref()).map(BreakerStatus::of);
        let refusal = breaker.filter(|breaker| breaker.refuses);
        let (state, in_service, own) = match place.state {
            TargetState::Serving => ("serving", true, None),
            TargetState::WarmingUp(calls) => ("warming_up", true, Some(warm_up(calls))),
            TargetState::Drained => ("drained", false, Some("drained by an operator".to_owned())),
            TargetState::Gated => ("gated", false, None),
            TargetState::Cooling(cooldown) => ("cooling", false, Some(cooling(cooldown))),
            _ => ("unknown", false, None),
        };
        let remaining = match (place.state, &refusal) {
            (TargetState::Cooling(cooldown), _) => Some(rounded(cooldown.remaining)),
            (TargetState::Drained, _) => None,
            (_, Some(breaker)) => breaker.open_for_seconds,
            _ => None,
        };
        let shut = || (state == "gated").then(|| "its gate is shut".to_owned());
        let reason = match (in_service, &refusal) {
            (true, Some(breaker)) => Some(breaker.says()),
            (false, Some(breaker)) => own.or_else(|| Some(breaker.says())),
            (_, None) => own.or_else(shut),
        };
        PlaceStatus {
            tier: place.tier,
            weight: place.weight,
            state,
            can_serve: in_service && refusal.is_none(),
            reason,
            remaining_seconds: remaining,
            cooling_models: place.cooling_models.into_iter().map(CoolingModel::from).collect(),
            first_content_seconds: place.first_content.map(rounded),
            in_flight: place.in_flight,
            success_rate: (place.success_rate * 1e4).round() / 1e4,
            name: place.name,
        }
    }
}

fn warm_up(calls: u32) -> String {
    format!("back in service, takes {calls} at once so far")
}

fn cooling(Cooldown { kind, remaining, .. }: Cooldown) -> String {
    if remaining == Duration::ZERO {
        format!("{kind}: waits for one call to succeed")
    } else {
        format!("{kind}: left alone for {} more", seconds(remaining))
    }
}

impl From<(Arc<str>, Cooldown)> for CoolingModel {
    fn from((model, cooldown): (Arc<str>, Cooldown)) -> Self {
        CoolingModel { model, remaining_seconds: rounded(cooldown.remaining) }
    }
}

impl HedgeStatus {
    fn of(hedge: &HedgeHandle) -> Self {
        let snapshot = hedge.snapshot();
        HedgeStatus {
            delay_seconds: snapshot.delay.map(rounded),
            calls: snapshot.calls,
            sent: snapshot.sent,
            won: snapshot.won,
            refused: snapshot.refused,
            throttled: snapshot.throttled,
        }
    }
}
