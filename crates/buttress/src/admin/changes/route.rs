//! Changes of a target's place in routes.

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::json;

use super::body::Body;
use crate::{
    admin::{
        Admin,
        answer::{Failed, json},
        auth::Operator,
    },
    control::{Control, RouteStatus},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Place {
    /// Without: every route that has the target.
    route: Option<String>,
    target: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Order {
    route: String,
    targets: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Share {
    route: String,
    target: String,
    weight: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Rank {
    route: String,
    target: String,
    tier: u32,
}

pub(in crate::admin) async fn drain(
    _: Operator,
    State(admin): State<Admin>,
    Body(Place { route, target }): Body<Place>,
) -> Result<Response, Failed> {
    match &route {
        Some(route) => admin.control.drain_in(route, &target)?,
        None => admin.control.drain(&target)?,
    }
    Ok(told(&admin.control, |route| has(route, &target)))
}

pub(in crate::admin) async fn resume(
    _: Operator,
    State(admin): State<Admin>,
    Body(Place { route, target }): Body<Place>,
) -> Result<Response, Failed> {
    match &route {
        Some(route) => admin.control.resume_in(route, &target)?,
        None => admin.control.resume(&target)?,
    }
    Ok(told(&admin.control, |route| has(route, &target)))
}

pub(in crate::admin) async fn reorder(
    _: Operator,
    State(admin): State<Admin>,
    Body(Order { route, targets }): Body<Order>,
) -> Result<Response, Failed> {
    admin.control.reorder(&route, &targets)?;
    Ok(told(&admin.control, |status| *status.name == *route))
}

pub(in crate::admin) async fn weight(
    _: Operator,
    State(admin): State<Admin>,
    Body(Share { route, target, weight }): Body<Share>,
) -> Result<Response, Failed> {
    admin.control.set_weight(&route, &target, weight)?;
    Ok(told(&admin.control, |status| *status.name == *route))
}

pub(in crate::admin) async fn tier(
    _: Operator,
    State(admin): State<Admin>,
    Body(Rank { route, target, tier }): Body<Rank>,
) -> Result<Response, Failed> {
    admin.control.set_tier(&route, &target, tier)?;
    Ok(told(&admin.control, |status| *status.name == *route))
}

fn has(route: &RouteStatus, target: &str) -> bool {
    route.targets.iter().any(|place| &*place.name == target)
}

/// The routes as they are now.
fn told(control: &Control, which: impl Fn(&RouteStatus) -> bool) -> Response {
    let routes = control.status().routes;
    let routes: Vec<_> = routes.into_iter().filter(|route| which(route)).collect();
    json(StatusCode::OK, &json!({ "routes": routes }))
}
