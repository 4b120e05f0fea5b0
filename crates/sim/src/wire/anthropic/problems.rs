//! Errors, in the words of the real API.

use serde::Serialize;

use super::{super::Refusal, Problem, json};
use crate::bucket::Dimension;

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: Error<'a>,
    request_id: String,
}

#[derive(Serialize)]
struct Error<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
}

#[derive(Serialize)]
struct Details {
    error_code: &'static str,
}

/// The error that a broken stream or a false 200 carries.
pub(super) fn overloaded(id: &str) -> String {
    body("overloaded_error", "Overloaded", None, id)
}

fn body(kind: &'static str, message: &str, code: Option<&'static str>, id: &str) -> String {
    let details = code.map(|error_code| Details { error_code });
    json(&Body { kind: "error", error: Error { kind, message, details }, request_id: format!("req_{id}") })
}

pub(super) fn refuse(problem: &Problem, id: &str) -> Refusal {
    let refusal = |status, kind, message: &str| Refusal::json(status, body(kind, message, None, id));
    let invalid = |status, message: &str| refusal(status, "invalid_request_error", message);
    match problem {
        Problem::NoKey => refusal(401, "authentication_error", "x-api-key header is required"),
        Problem::NoVersion => invalid(400, "anthropic-version: header is required"),
        Problem::NotJson => invalid(400, "The request body is not valid JSON"),
        Problem::Missing(field) => invalid(400, &format!("{field}: Field required")),
        Problem::Invalid { field, rule } => invalid(400, &format!("{field}: Input should be {rule}")),
        Problem::UnknownPath { .. } => refusal(404, "not_found_error", "Not Found"),
        Problem::WrongMethod { .. } => invalid(405, "Method Not Allowed"),
        Problem::TooLarge => {
            refusal(413, "request_too_large", "Request exceeds the maximum allowed number of bytes.")
        }
        Problem::UnknownModel(model) => refusal(404, "not_found_error", &format!("model: {model}")),
        Problem::ContextTooLong { window, input } => {
            invalid(400, &format!("prompt is too long: {input} tokens > {window} maximum"))
        }
        Problem::Exceeded { .. } | Problem::RateLimit { .. } => {
            refusal(429, "rate_limit_error", &rate_limit_message(problem))
        }
        Problem::Quota => Refusal::json(
            429,
            body(
                "rate_limit_error",
                "You have reached your specified API usage limits. You will regain access at the start of the next \
                 month.",
                Some("enforced_spend_limit_reached"),
                id,
            ),
        ),
        Problem::Status { status, model } => by_status(*status, model, id),
    }
}

fn rate_limit_message(problem: &Problem) -> String {
    let limit = match problem {
        Problem::Exceeded { excess, .. } => {
            let unit = match excess.dimension {
                Dimension::Requests => "requests",
                Dimension::Tokens => "input tokens",
                Dimension::Output => "output tokens",
            };
            format!(" of {} {unit} per minute", excess.limit)
        }
        _ => String::new(),
    };
    format!(
        "This request would exceed your organization's rate limit{limit}. For details, refer to: \
         https://docs.anthropic.com/en/api/rate-limits."
    )
}

fn by_status(status: u16, model: &str, id: &str) -> Refusal {
    let model = format!("model: {model}");
    let (kind, message) = match status {
        401 => ("authentication_error", "invalid x-api-key"),
        402 => ("billing_error", "Your credit balance is too low to access the Anthropic API."),
        403 => ("permission_error", "Your API key does not have permission to use the specified resource"),
        404 => ("not_found_error", model.as_str()),
        409 => ("conflict_error", "The request conflicts with the current state of the resource"),
        413 => ("request_too_large", "Request exceeds the maximum allowed number of bytes."),
        429 => ("rate_limit_error", "This request would exceed your organization's rate limit."),
        502 | 520..=527 => return Refusal::gateway(status),
        504 => ("timeout_error", "Request timed out"),
        529 => ("overloaded_error", "Overloaded"),
        500.. => ("api_error", "Internal server error"),
        _ => ("invalid_request_error", "The request was refused."),
    };
    Refusal::json(status, body(kind, message, None, id))
}
