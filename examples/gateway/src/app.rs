//! Which path does what.

use axum::{
    Router,
    http::{Method, Uri},
    routing::{get, post},
};
use buttress::admin;

use crate::{errors::Refusal, gateway::Gateway, models, proxy};

/// The API, and beside it health, status, metrics, changes, and the page for people.
pub(crate) fn router(gateway: Gateway, settings: admin::Settings) -> Router {
    let operators = admin::router(gateway.control().clone(), settings);
    Router::new()
        .route("/v1/chat/completions", post(proxy::forward))
        .route("/v1/embeddings", post(proxy::forward))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .with_state(gateway)
        .merge(operators)
        .fallback(async |method: Method, uri: Uri| Refusal::unknown_url(&method, uri.path()))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            Refusal::wrong_method(&method, uri.path())
        })
}
