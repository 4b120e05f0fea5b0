//! Errors, in the words of the real API: a status, and one text.

use http::StatusCode;
use serde::Serialize;

use super::super::{Problem, Refusal, json};

pub(super) const JSON: &str = "application/json; charset=utf-8";

#[derive(Serialize)]
struct Body<'a> {
    error: &'a str,
}

/// The error that a broken stream or a false 200 carries.
pub(super) fn broken() -> String {
    body("an error was encountered while running the model: unexpected EOF")
}

fn body(error: &str) -> String {
    json(&Body { error })
}

pub(super) fn refuse(problem: &Problem) -> Refusal {
    let refusal = |status: u16, error: &str| {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Refusal { status, content_type: JSON, body: body(error).into() }
    };
    let plain =
        |status, text: &'static str| Refusal { status, content_type: "text/plain", body: text.into() };
    match problem {
        Problem::NoKey | Problem::NoVersion => refusal(401, "unauthorized"),
        Problem::NotJson => refusal(400, "unexpected EOF"),
        Problem::Missing(field) => refusal(400, &format!("{field} is required")),
        Problem::Invalid { field, rule } => {
            refusal(400, &format!("json: cannot unmarshal field {field}: it must be {rule}"))
        }
        Problem::UnknownPath { .. } => plain(StatusCode::NOT_FOUND, "404 page not found"),
        Problem::WrongMethod { .. } => plain(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed"),
        Problem::TooLarge => refusal(413, "http: request body too large"),
        Problem::UnknownModel(model) => refusal(404, &unknown_model(model)),
        Problem::ContextTooLong { window, input } => refusal(
            400,
            &format!(
                "request ({input} tokens) exceeds the available context size ({window} tokens), try increasing it"
            ),
        ),
        Problem::Exceeded { .. } | Problem::RateLimit { .. } => refusal(429, "too many requests"),
        Problem::Quota => refusal(
            429,
            "you (sim) have reached your weekly usage limit, upgrade for higher limits: https://ollama.com/upgrade",
        ),
        Problem::Status { status, model } => refusal(*status, &by_status(*status, model)),
    }
}

fn unknown_model(model: &str) -> String {
    format!("model '{model}' not found")
}

fn by_status(status: u16, model: &str) -> String {
    match status {
        401 => "unauthorized",
        403 => "this model requires a subscription, upgrade for access: https://ollama.com/upgrade",
        404 => return unknown_model(model),
        429 => "too many requests",
        502 => "cloud model unreachable",
        // The two blanks are its own.
        503 => "server busy, please try again.  maximum pending requests exceeded",
        500.. => "llama runner process has terminated: exit status 2",
        _ => "the request was refused",
    }
    .to_owned()
}
