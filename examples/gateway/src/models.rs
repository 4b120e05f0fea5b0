//! `GET /v1/models`: the models that have a route by name.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{errors::Refusal, gateway::Gateway};

#[derive(Serialize)]
struct Model<'a> {
    id: &'a str,
    object: &'static str,
    /// The gateway does not know when somebody else's model was made.
    created: u64,
    owned_by: &'static str,
}

#[derive(Serialize)]
struct List<'a> {
    object: &'static str,
    data: Vec<Model<'a>>,
}

fn model(id: &str) -> Model<'_> {
    Model { id, object: "model", created: 0, owned_by: "buttress" }
}

pub(crate) async fn list(State(gateway): State<Gateway>, headers: HeaderMap) -> Response {
    let table = gateway.table();
    if let Err(refusal) = table.callers.admit(&headers) {
        return refusal.into_response();
    }
    axum::Json(List { object: "list", data: table.models().map(model).collect() }).into_response()
}

pub(crate) async fn one(
    State(gateway): State<Gateway>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let table = gateway.table();
    if let Err(refusal) = table.callers.admit(&headers) {
        return refusal.into_response();
    }
    match table.route(&id) {
        Some(_) => axum::Json(model(&id)).into_response(),
        None => Refusal::unknown_model(&id).into_response(),
    }
}
