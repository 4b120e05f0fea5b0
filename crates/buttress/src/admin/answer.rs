//! Answers in JSON.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::json;

use crate::control::Refused;

/// Not to be kept by anybody, and nothing else than it says.
pub(super) fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => text(status, "application/json", body).into_response(),
        // Maps with keys that are no strings: ours have none.
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

pub(super) fn text(status: StatusCode, kind: &'static str, body: impl IntoResponse) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, body)
}

/// An answer to what cannot be done.
#[derive(Debug)]
pub(super) struct Failed {
    status: StatusCode,
    what: String,
    value: Option<String>,
    rule: String,
    message: String,
}

impl Failed {
    pub(super) fn new(status: StatusCode, what: &str, rule: impl Into<String>) -> Self {
        let rule = rule.into();
        Failed { status, what: what.to_owned(), value: None, message: format!("{what}: {rule}"), rule }
    }
}

impl From<Refused> for Failed {
    fn from(error: Refused) -> Self {
        let status =
            if error.is_unknown() { StatusCode::NOT_FOUND } else { StatusCode::UNPROCESSABLE_ENTITY };
        Failed {
            status,
            what: error.what().to_owned(),
            value: Some(error.value().to_owned()),
            rule: error.rule().to_owned(),
            message: error.to_string(),
        }
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let Failed { status, what, value, rule, message } = self;
        let body = json!({ "error": { "what": what, "value": value, "rule": rule, "message": message } });
        let mut response = json(status, &body);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
