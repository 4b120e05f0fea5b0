//! Which path does what.

use axum::{
    Router,
    http::{Method, Uri},
    routing::{get, post},
};

use crate::{errors::Refusal, gateway::Gateway, models, proxy};

pub(crate) fn router(gateway: Gateway) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(proxy::forward))
        .route("/v1/embeddings", post(proxy::forward))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::one))
        .route("/healthz", get("ok\n"))
        .fallback(async |method: Method, uri: Uri| Refusal::unknown_url(&method, uri.path()))
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            Refusal::wrong_method(&method, uri.path())
        })
        .with_state(gateway)
}
