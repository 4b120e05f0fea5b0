//! The page for people.

use axum::{
    http::header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
        X_FRAME_OPTIONS,
    },
    response::IntoResponse,
};

/// Script and style stand in it, and it loads nothing.
const PAGE: &str = include_str!("page.html");

/// Names the page's own script and style by their hashes, so that no other could run, whatever a target is called.
///
/// A browser hashes what it has parsed, with line ends made LF. A test computes them anew.
const POLICY: &str = "default-src 'none'; img-src data:; \
    script-src 'sha256-sNRp0Q+beOtjuMgzxjyjSkQzbbq8SM737eV/ootdRPs='; \
    style-src 'sha256-ng6HNnbWIqGGRWJW8DgishARGuJ+EQRngyrs+XKGWa8='; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(super) async fn page() -> impl IntoResponse {
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    (headers, PAGE)
}
