//! Errors, in the words of the real API.

use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::{
    Problem, Refusal,
    details::{Detail, Quota, seconds},
    form,
};
use crate::answer::MAX_REQUEST;

pub(super) const JSON: &str = "application/json; charset=UTF-8";

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: u16,
    message: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail>,
}

/// An error before it is put in JSON.
struct Said {
    code: u16,
    status: &'static str,
    message: String,
    details: Vec<Detail>,
}

impl Said {
    fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), details: Vec::new() }
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    fn json(self) -> String {
        let Self { code, status, message, details } = self;
        form::pretty(&Body { error: Error { code, message: &message, status, details } })
    }
}

/// The error that a broken stream or a false 200 carries.
pub(super) fn overloaded() -> String {
    by_status(503, "").json()
}

/// A body that is nothing but an error. Where an array was asked for, it is one.
pub(super) fn body(json: &str, array: bool) -> String {
    if array { format!("[{json}\n]\n") } else { format!("{json}\n") }
}

pub(super) fn refuse(problem: &Problem, array: bool) -> Refusal {
    if let Some(status) = page(problem) {
        return Refusal::google(status);
    }
    let said = said(problem);
    let status = StatusCode::from_u16(said.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Refusal { status, content_type: JSON, body: body(&said.json(), array).into() }
}

/// The status of what the front end says, before the API is asked.
fn page(problem: &Problem) -> Option<u16> {
    match problem {
        Problem::UnknownPath { .. } | Problem::WrongMethod { .. } => Some(404),
        Problem::Status { status: 502, .. } => Some(502),
        _ => None,
    }
}

fn said(problem: &Problem) -> Said {
    match problem {
        Problem::NoKey | Problem::NoVersion => Said::new(
            403,
            "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). Please use API Key or \
             other form of API consumer identity to call this API.",
        ),
        Problem::NotJson => Said::invalid("Invalid JSON payload received. Unexpected end of string."),
        Problem::Missing(field) => {
            Said::invalid(format!("* GenerateContentRequest.{field}: {field} is not specified\n"))
        }
        Problem::Invalid { field, rule } => {
            Said::invalid(format!("Invalid value at '{field}': it must be {rule}"))
        }
        Problem::TooLarge => {
            Said::invalid(format!("Request payload size exceeds the limit: {MAX_REQUEST} bytes."))
        }
        Problem::UnknownModel(model) => unknown_model(model),
        Problem::ContextTooLong { window, input } => Said::invalid(format!(
            "The input token count ({input}) exceeds the maximum number of tokens allowed ({window})."
        )),
        Problem::Exceeded { excess, model } => {
            exceeded(Quota::of(excess.dimension), model, Some(excess.limit), excess.wait)
        }
        Problem::RateLimit { wait: Some(wait), model } => exceeded(Quota::REQUESTS, model, None, Some(*wait)),
        Problem::RateLimit { wait: None, .. } => by_status(429, ""),
        // The delay is Google's own, and no help.
        Problem::Quota => exceeded(Quota::DAY, "", Some(250), Some(Duration::from_secs(27))),
        Problem::Status { status, model } => by_status(*status, model),
        Problem::UnknownPath { .. } | Problem::WrongMethod { .. } => by_status(404, ""),
    }
}

fn unknown_model(model: &str) -> Said {
    Said::new(
        404,
        "NOT_FOUND",
        format!(
            "models/{model} is not found for API version v1beta, or is not supported for generateContent. Call \
             ListModels to see the list of available models and their supported methods."
        ),
    )
}

fn exceeded(quota: Quota, model: &str, limit: Option<u64>, wait: Option<Duration>) -> Said {
    let limited = limit.map_or_else(String::new, |limit| {
        format!("\n* Quota exceeded for metric: {}, limit: {limit}, model: {model}", quota.metric)
    });
    let delay = wait.map(seconds);
    let retry = delay.as_ref().map_or_else(String::new, |delay| format!("\nPlease retry in {delay}."));
    let message = format!(
        "You exceeded your current quota, please check your plan and billing details. For more information on this \
         error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.{limited}{retry}"
    );
    let details = quota.failure(model, limit, delay.as_deref());
    Said { details, ..Said::new(429, "RESOURCE_EXHAUSTED", message) }
}

fn by_status(code: u16, model: &str) -> Said {
    let (status, message) = match code {
        401 => {
            let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or \
                 other valid authentication credential.";
            return Said {
                details: vec![Detail::credentials_missing()],
                ..Said::new(code, "UNAUTHENTICATED", message)
            };
        }
        403 => ("PERMISSION_DENIED", "The caller does not have permission"),
        404 => return unknown_model(model),
        429 => ("RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
        499 => ("CANCELLED", "The operation was cancelled."),
        501 => ("UNIMPLEMENTED", "Operation is not implemented, or supported, or enabled."),
        503 => ("UNAVAILABLE", "The model is overloaded. Please try again later."),
        504 => ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        500.. => ("INTERNAL", "An internal error has occurred."),
        _ => ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    };
    Said::new(code, status, message)
}
