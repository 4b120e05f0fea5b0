//! Errors, in the words of the real API.

use serde::Serialize;

use super::{super::Refusal, Problem, json, limits::go_duration};
use crate::bucket::Dimension;

#[derive(Serialize)]
struct Body<'a> {
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
}

const INVALID: &str = "invalid_request_error";
const SERVER_ERROR: &str = "The server had an error while processing your request. Sorry about that!";

/// The error that a broken stream or a false 200 carries.
pub(super) fn broken() -> String {
    body(SERVER_ERROR, "server_error", None, None)
}

fn body(
    message: &str,
    kind: &'static str,
    param: Option<&'static str>,
    code: Option<&'static str>,
) -> String {
    json(&Body { error: Error { message, kind, param, code } })
}

fn invalid(status: u16, message: &str, param: Option<&'static str>, code: Option<&'static str>) -> Refusal {
    Refusal::json(status, body(message, INVALID, param, code))
}

pub(super) fn refuse(problem: &Problem) -> Refusal {
    match problem {
        Problem::NoKey | Problem::NoVersion => invalid(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header using \
             Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an API key from \
             https://platform.openai.com/account/api-keys.",
            None,
            None,
        ),
        Problem::NotJson => invalid(
            400,
            "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your \
             HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)",
            None,
            None,
        ),
        Problem::Missing("model") => invalid(400, "you must provide a model parameter", None, None),
        Problem::Missing(field) => invalid(
            400,
            &format!("Missing required parameter: '{field}'."),
            Some(field),
            Some("missing_required_parameter"),
        ),
        Problem::Invalid { field, rule } => invalid(
            400,
            &format!("Invalid value for '{field}': expected {rule}."),
            Some(field),
            Some("invalid_value"),
        ),
        Problem::UnknownPath { method, path } => {
            invalid(404, &format!("Invalid URL ({method} {path})"), None, None)
        }
        Problem::WrongMethod { method, path } => invalid(
            405,
            &format!(
                "Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)"
            ),
            None,
            Some("method_not_supported"),
        ),
        Problem::TooLarge => invalid(413, "The request body is too large.", None, Some("request_too_large")),
        Problem::UnknownModel(model) => unknown_model(model),
        Problem::ContextTooLong { window, input } => invalid(
            400,
            &format!(
                "This model's maximum context length is {window} tokens. However, your messages resulted in {input} \
                 tokens. Please reduce the length of the messages."
            ),
            Some("messages"),
            Some("context_length_exceeded"),
        ),
        Problem::Exceeded { .. } | Problem::RateLimit { .. } => rate_limited(problem),
        Problem::Quota => Refusal::json(
            429,
            body(
                "You exceeded your current quota, please check your plan and billing details. For more information \
                 on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
                "insufficient_quota",
                None,
                Some("insufficient_quota"),
            ),
        ),
        Problem::Status { status, model } => by_status(*status, model),
    }
}

fn unknown_model(model: &str) -> Refusal {
    let message = format!("The model `{model}` does not exist or you do not have access to it.");
    invalid(404, &message, None, Some("model_not_found"))
}

fn rate_limited(problem: &Problem) -> Refusal {
    let (message, kind) = match problem {
        Problem::Exceeded { excess, model } => {
            let (kind, unit) = match excess.dimension {
                Dimension::Requests => ("requests", "requests per min (RPM)"),
                Dimension::Tokens | Dimension::Output => ("tokens", "tokens per min (TPM)"),
            };
            let (limit, requested) = (excess.limit, excess.requested);
            let message = match excess.wait {
                Some(wait) => format!(
                    "Rate limit reached for {model} in organization org-sim on {unit}: Limit {limit}, Used {}, \
                     Requested {requested}. Please try again in {}.",
                    limit.saturating_sub(excess.remaining),
                    go_duration(wait),
                ),
                None => format!(
                    "Request too large for {model} in organization org-sim on {unit}: Limit {limit}, Requested \
                     {requested}. The input or output tokens must be reduced in order to run successfully."
                ),
            };
            (message, kind)
        }
        Problem::RateLimit { wait: Some(wait), model } => {
            let wait = go_duration(*wait);
            (
                format!(
                    "Rate limit reached for {model} in organization org-sim. Please try again in {wait}."
                ),
                "tokens",
            )
        }
        Problem::RateLimit { wait: None, model } => {
            (format!("Rate limit reached for {model} in organization org-sim."), "tokens")
        }
        _ => ("Rate limit reached.".to_owned(), "requests"),
    };
    let hint = " Visit https://platform.openai.com/account/rate-limits to learn more.";
    Refusal::json(429, body(&(message + hint), kind, None, Some("rate_limit_exceeded")))
}

fn by_status(status: u16, model: &str) -> Refusal {
    match status {
        401 => invalid(
            401,
            "Incorrect API key provided: sk-***. You can find your API key at \
             https://platform.openai.com/account/api-keys.",
            None,
            Some("invalid_api_key"),
        ),
        403 => Refusal::json(
            403,
            body(
                "Country, region, or territory not supported",
                "request_forbidden",
                None,
                Some("unsupported_country_region_territory"),
            ),
        ),
        404 => unknown_model(model),
        429 => rate_limited(&Problem::RateLimit { wait: None, model: model.to_owned() }),
        502 | 504 | 520..=527 => Refusal::gateway(status),
        503 => Refusal::json(
            503,
            body(
                "The server is currently overloaded. Please try again later.",
                "service_unavailable_error",
                None,
                Some("server_is_overloaded"),
            ),
        ),
        500.. => Refusal::json(status, broken()),
        _ => invalid(status, "The request was refused.", None, None),
    }
}
