//! The admin pages, asked in process.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "admin/auth.rs"]
mod auth;
#[path = "admin/changes.rs"]
mod changes;
#[path = "admin/page.rs"]
mod page;
#[path = "admin/reads.rs"]
mod reads;

use axum::{Router, body::Body};
use buttress::{
    admin::{self, Settings, Token},
    control::Control,
};
use buttress_tests::rig::Rig;
use http::{HeaderMap, Method, Request, StatusCode, header::AUTHORIZATION};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

const TOKEN: &str = "a-token-that-nobody-guesses";

fn settings() -> Settings {
    Settings { token: Some(Token::new(TOKEN).unwrap()), ..Settings::default() }
}

fn router(control: &Control) -> Router {
    admin::router(control.clone(), settings())
}

/// What came back.
struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Seen {
    fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json", "{}", self.body);
        assert_eq!(self.headers["cache-control"], "no-store");
        serde_json::from_str(&self.body).unwrap()
    }

    /// What, value and rule of an error.
    fn error(&self) -> [Value; 3] {
        let mut error = self.json()["error"].take();
        assert!(error["message"].is_string(), "{}", self.body);
        ["what", "value", "rule"].map(|part| error[part].take())
    }
}

async fn send(router: &Router, request: Request<Body>) -> Seen {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Seen { status: parts.status, headers: parts.headers, body }
}

async fn get(router: &Router, path: &str) -> Seen {
    send(router, Request::get(path).body(Body::empty()).unwrap()).await
}

/// A change by somebody who knows the token.
async fn change(router: &Router, path: &str, body: &str) -> Seen {
    let request = Request::post(format!("/control/{path}")).header(AUTHORIZATION, format!("Bearer {TOKEN}"));
    send(router, request.body(Body::from(body.to_owned())).unwrap()).await
}

const CHANGES: [&str; 10] = [
    "force-open",
    "force-close",
    "reset",
    "breaker",
    "limit",
    "drain",
    "resume",
    "reorder",
    "weight",
    "tier",
];
