//! Health, status, metrics and changes over HTTP, and a page for people: an axum router over a [`Control`].
//!
//! | | | |
//! |---|---|---|
//! | `GET /` | the page: one file, nothing else is loaded | open: it holds no data |
//! | `GET /healthz` | the process answers | open |
//! | `GET /readyz` | some target of each route can serve: 200, or 503 and why | open; why, only to who may read |
//! | `GET /status` | [`Status`](crate::control::Status) in JSON | open, unless [`Settings::protect_reads`] |
//! | `GET /metrics` | what [`Settings::metrics`] renders | the same |
//! | `GET /control` | whether the token is right: 204 | always needs the token |
//! | `POST /control/...` | the changes below | always needs the token |
//!
//! The token is sent as `Authorization: Bearer ...` and in no other way: there is no cookie that a browser could be made to
//! send. Without a [token](Settings::token) every change is refused.
//!
//! | `POST /control/` | body | what it does |
//! |---|---|---|
//! | `force-open`, `force-close`, `reset` | `{"target"}` | [`Control::force_open`], [`Control::force_close`], [`Control::reset`] |
//! | `breaker` | `{"target", ...}` and some of [`BreakerNumbers`](crate::control::BreakerNumbers) | changes these thresholds, leaves the others |
//! | `limit` | `{"target", ...}` and some of [`LimitNumbers`](crate::control::LimitNumbers) | changes these quotas, leaves the others |
//! | `drain`, `resume` | `{"target"}`, or `{"route", "target"}` | [`Control::drain`], [`Control::resume`], in all routes or in one |
//! | `reorder` | `{"route", "targets"}` | [`Control::reorder`] |
//! | `weight`, `tier` | `{"route", "target", "weight"}`, `{…, "tier"}` | [`Control::set_weight`], [`Control::set_tier`] |
//!
//! The body is JSON, whatever its `Content-Type` says; a field that is not known is an error, and `null` switches off what
//! can be off. The answer is what was changed, as it is now. Errors are `{"error": {"what", "value", "rule", "message"}}`:
//! 400 broken JSON, 401 no or a wrong token, 403 no token is configured, 404 no such name, 413 a body over
//! [`Settings::max_body`], 422 a value that is refused.
//!
//! ```
//! use buttress::{admin, breaker::BreakerLayer, control::Control};
//! # use axum::{body::Body, http::Request};
//! # use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), buttress::BoxError> {
//! let control = Control::new();
//! control.target("openai").breaker(BreakerLayer::default().handle());
//!
//! let token = admin::Token::new("b3f0-an-example-of-a-long-token")?;
//! let settings = admin::Settings { token: Some(token), ..admin::Settings::default() };
//! let router = admin::router(control.clone(), settings);
//! # let request = Request::post("/control/force-open")
//! #     .header("authorization", "Bearer b3f0-an-example-of-a-long-token")
//! #     .body(Body::from(r#"{"target": "openai"}"#))?;
//! # assert_eq!(router.clone().oneshot(request).await?.status(), 200);
//! # assert_eq!(control.status().targets[0].breaker.as_ref().unwrap().state, "forced_open");
//! // axum::serve(listener, router), or .nest("/admin", router)
//! # let _ = router;
//! # Ok(())
//! # }
//! ```
//!
//! The router encrypts nothing and knows one operator, the token's holder: let it listen on loopback or behind a proxy that
//! speaks TLS.

mod answer;
mod auth;
mod changes;
mod page;
mod reads;
mod settings;

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

pub use self::settings::{InvalidToken, Settings, Token};
use crate::control::Control;

#[derive(Clone)]
struct Admin {
    control: Control,
    settings: Arc<Settings>,
    /// Held by who changes a policy: what two operators change of it at the same time is not lost to the other.
    policies: Arc<Mutex<()>>,
}

/// A router over this control. It may be nested under any path.
pub fn router(control: Control, settings: Settings) -> Router {
    let changes = Router::new()
        .route("/control", get(changes::allowed))
        .route("/control/force-open", post(changes::force_open))
        .route("/control/force-close", post(changes::force_close))
        .route("/control/reset", post(changes::reset))
        .route("/control/breaker", post(changes::breaker))
        .route("/control/limit", post(changes::limit))
        .route("/control/drain", post(changes::drain))
        .route("/control/resume", post(changes::resume))
        .route("/control/reorder", post(changes::reorder))
        .route("/control/weight", post(changes::weight))
        .route("/control/tier", post(changes::tier))
        .layer(DefaultBodyLimit::max(settings.max_body));
    let reads = Router::new()
        .route("/", get(page::page))
        .route("/healthz", get(reads::healthz))
        .route("/readyz", get(reads::readyz))
        .route("/status", get(reads::status))
        .route("/metrics", get(reads::metrics));
    let (settings, policies) = (Arc::new(settings), Arc::default());
    reads.merge(changes).with_state(Admin { control, settings, policies })
}
