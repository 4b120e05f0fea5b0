//! The provider in process, on a paused clock.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[path = "../common/mod.rs"]
mod common;

mod answers;
mod bodies;
mod cancel;
mod gemini;
mod limits;
mod ollama;
mod outages;
mod requests;
mod streams;

use std::{io, time::Duration};

use buttress_sim::{Sim, SimBody};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::timeout;
use tower::ServiceExt;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) async fn call(sim: &Sim, request: Request<String>) -> Response<SimBody> {
    sim.service().oneshot(request).await.unwrap()
}

pub(crate) async fn bytes(sim: &Sim, request: Request<String>) -> Bytes {
    call(sim, request).await.into_body().collect().await.unwrap().to_bytes()
}

pub(crate) async fn refusal(sim: &Sim, request: Request<String>) -> (StatusCode, Value) {
    let response = call(sim, request).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&body).unwrap())
}

/// What came before the body failed or fell silent, and whether it failed.
pub(crate) async fn until_broken(body: SimBody) -> (Bytes, Option<io::ErrorKind>) {
    let mut body = body;
    let mut whole = Vec::new();
    loop {
        match timeout(HOUR * 48, body.frame()).await {
            Ok(Some(Ok(frame))) => whole.extend_from_slice(&frame.into_data().unwrap()),
            Ok(Some(Err(error))) => return (whole.into(), Some(error.kind())),
            Ok(None) | Err(_) => return (whole.into(), None),
        }
    }
}

pub(crate) fn header<'a>(response: &'a Response<SimBody>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
