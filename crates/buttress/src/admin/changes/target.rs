//! Changes of a target's own layers.

use std::sync::PoisonError;

use axum::{extract::State, http::StatusCode, response::Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{Body, changed};
use crate::{
    admin::{
        Admin,
        answer::{Failed, json},
        auth::Operator,
    },
    control::{BreakerNumbers, Control, LimitNumbers},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::admin) struct Target {
    target: String,
}

/// A target, and what is to be changed of its numbers: whoever reads them knows their names.
#[derive(Deserialize)]
pub(in crate::admin) struct Numbers {
    target: String,
    #[serde(flatten)]
    changes: Map<String, Value>,
}

pub(in crate::admin) async fn force_open(
    _: Operator,
    State(admin): State<Admin>,
    Body(body): Body<Target>,
) -> Result<Response, Failed> {
    admin.control.force_open(&body.target)?;
    Ok(told(&admin.control, &body.target))
}

pub(in crate::admin) async fn force_close(
    _: Operator,
    State(admin): State<Admin>,
    Body(body): Body<Target>,
) -> Result<Response, Failed> {
    admin.control.force_close(&body.target)?;
    Ok(told(&admin.control, &body.target))
}

pub(in crate::admin) async fn reset(
    _: Operator,
    State(admin): State<Admin>,
    Body(body): Body<Target>,
) -> Result<Response, Failed> {
    admin.control.reset(&body.target)?;
    Ok(told(&admin.control, &body.target))
}

pub(in crate::admin) async fn breaker(
    _: Operator,
    State(admin): State<Admin>,
    Body(body): Body<Numbers>,
) -> Result<Response, Failed> {
    let Numbers { target, changes } = body;
    {
        let _one_at_a_time = admin.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = admin.control.breaker_policy(&target)?;
        let numbers = changed(BreakerNumbers::from(policy), changes)?;
        admin.control.set_breaker_policy(&target, numbers.policy(policy)?)?;
    }
    Ok(told(&admin.control, &target))
}

pub(in crate::admin) async fn limit(
    _: Operator,
    State(admin): State<Admin>,
    Body(body): Body<Numbers>,
) -> Result<Response, Failed> {
    let Numbers { target, changes } = body;
    {
        let _one_at_a_time = admin.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = admin.control.limit_policy(&target)?;
        let numbers = changed(LimitNumbers::from(policy), changes)?;
        admin.control.set_limit_policy(&target, numbers.policy(policy)?)?;
    }
    Ok(told(&admin.control, &target))
}

/// The target as it is now.
fn told(control: &Control, name: &str) -> Response {
    let targets = control.status().targets;
    let target = targets.iter().find(|target| &*target.name == name);
    json(StatusCode::OK, &json!({ "target": target }))
}
