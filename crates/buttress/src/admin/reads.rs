//! What can be looked at.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Admin,
    answer::{Failed, json, text},
    auth::Reader,
};

/// Prometheus' text format.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn healthz() -> impl IntoResponse {
    text(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")
}

pub(super) async fn readyz(reader: Result<Reader, Failed>, State(admin): State<Admin>) -> Response {
    let readiness = admin.control.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match reader {
        Ok(Reader) => json(status, &readiness),
        // The reason has names in it.
        Err(_) => json(status, &json!({ "ready": readiness.ready })),
    }
}

pub(super) async fn status(_: Reader, State(admin): State<Admin>) -> Response {
    json(StatusCode::OK, &admin.control.status())
}

pub(super) async fn metrics(_: Reader, State(admin): State<Admin>) -> Result<impl IntoResponse, Failed> {
    let Some(render) = &admin.settings.metrics else {
        return Err(Failed::new(StatusCode::NOT_FOUND, "metrics", "no exporter is configured"));
    };
    Ok(text(StatusCode::OK, EXPOSITION, render()))
}
