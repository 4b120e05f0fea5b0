//! Errors, in the shape that OpenAI's clients read.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use buttress::{BoxError, Error, call::Origin};
use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};

use crate::headers;

/// What the gateway itself refuses, before anybody was asked.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    code: Option<&'static str>,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: Option<&'static str>, message: impl Into<String>) -> Refusal {
        Refusal { status, code, message: message.into() }
    }

    pub(crate) fn no_key() -> Refusal {
        let message = "You didn't provide an API key. Send it as `Authorization: Bearer YOUR_KEY`.";
        Refusal::new(StatusCode::UNAUTHORIZED, None, message)
    }

    pub(crate) fn wrong_key() -> Refusal {
        Refusal::new(StatusCode::UNAUTHORIZED, Some("invalid_api_key"), "Incorrect API key provided.")
    }

    pub(crate) fn cross_site() -> Refusal {
        let message = "A web page of another site may not call a gateway that asks for no key.";
        Refusal::new(StatusCode::FORBIDDEN, Some("cross_site"), message)
    }

    pub(crate) fn bad_body(why: impl fmt::Display) -> Refusal {
        let message = format!("We could not parse the JSON body of your request: {why}.");
        Refusal::new(StatusCode::BAD_REQUEST, None, message)
    }

    pub(crate) fn slow_upload() -> Refusal {
        Refusal::new(StatusCode::REQUEST_TIMEOUT, None, "The request's body did not arrive in time.")
    }

    pub(crate) fn no_model() -> Refusal {
        Refusal::new(StatusCode::BAD_REQUEST, None, "you must provide a model parameter")
    }

    pub(crate) fn unknown_model(model: &str) -> Refusal {
        // A name, not a text: whatever is longer was not meant as one.
        let model: String = model.chars().take(100).collect();
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        Refusal::new(StatusCode::NOT_FOUND, Some("model_not_found"), message)
    }

    pub(crate) fn unknown_url(method: &http::Method, path: &str) -> Refusal {
        let message = format!("Unknown request URL: {method} {path}. Please check the URL for typos.");
        Refusal::new(StatusCode::NOT_FOUND, Some("unknown_url"), message)
    }

    pub(crate) fn wrong_method(method: &http::Method, path: &str) -> Refusal {
        let message = format!("Not allowed to {method} on {path}.");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, Some("method_not_supported"), message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal { status, code, message } = self;
        let mut response = json(status, object(&message, "invalid_request_error", code));
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// An `{"error": …}` object.
pub(crate) fn object(message: &str, kind: &str, code: Option<&str>) -> String {
    serde_json::json!({"error": {"message": message, "type": kind, "param": null, "code": code}}).to_string()
}

fn json(status: StatusCode, body: impl Into<axum::body::Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A failed call as the caller's answer: the provider's own words where there are any, and who spoke them.
pub(crate) fn answer(error: BoxError) -> Response {
    let by = chain(&*error).find_map(|link| link.downcast_ref::<SaidBy>()).map(|by| by.target.clone());
    let error = unwrap(error);
    let response = match in_a_200(&error) {
        Some(body) => with_hint(json(error.status(), body), error.retry_after()),
        None => error.into_response(),
    };
    headers::name_target(response, by.as_deref())
}

/// The error that came under status 200, as JSON or as an event of a stream.
fn in_a_200(error: &Error) -> Option<Bytes> {
    let said = &error.upstream().filter(|said| said.status.is_success())?.body;
    let is_error = |json: &[u8]| {
        let json: Result<serde_json::Map<_, _>, _> = serde_json::from_slice(json);
        json.is_ok_and(|json| json.contains_key("error"))
    };
    let lines =
        said.split(|byte| matches!(byte, b'\r' | b'\n')).filter_map(|line| line.strip_prefix(b"data:"));
    let mut words = std::iter::once(&said[..]).chain(lines).map(<[u8]>::trim_ascii);
    words.find(|words| is_error(words)).map(|words| said.slice_ref(words))
}

fn with_hint(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The workspace's error out of whatever came.
fn unwrap(error: BoxError) -> Error {
    let error = match error.downcast::<SaidBy>() {
        Ok(by) => by.error,
        Err(error) => error,
    };
    match error.downcast::<Error>() {
        Ok(error) => *error,
        Err(error) => {
            let failure = buttress::call::failure(&error);
            Error::new(failure, Origin::Transport, "the call failed").with_source(error)
        }
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |link| (*link).source())
}

/// An error, and the target that it is of.
#[derive(Debug)]
pub(crate) struct SaidBy {
    target: Arc<str>,
    error: BoxError,
}

impl SaidBy {
    pub(crate) fn wrap(target: &Arc<str>, error: BoxError) -> BoxError {
        Box::new(SaidBy { target: target.clone(), error })
    }
}

impl fmt::Display for SaidBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for SaidBy {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.error)
    }
}
