//! Words in messages, all in lower case: the last resort.

use buttress_call::{Kind, Refused};

use crate::Vendor;

/// Refines `kind` by the message's text, where codes and statuses are known to be vague.
pub(crate) fn refine(vendor: Vendor, kind: Kind, status: Option<u16>, message: &str) -> Kind {
    let says = |phrases| any(message, phrases);
    let own = |kind, phrases| says(phrases).then_some(kind);
    let by_vendor = match (vendor, kind) {
        (Vendor::Bedrock, Kind::Invalid) => own(Kind::NotFound, &["model identifier is invalid"])
            .or_else(|| own(Kind::ContextTooLong, &["expected maxlength:"])),
        // It answers some of its own faults with 400.
        (Vendor::Vllm, Kind::Invalid) => own(Kind::Server, SERVER_FAULT),
        (Vendor::OpenRouter, Kind::Auth) if status == Some(403) => {
            own(Kind::Filtered, &["flagged", "moderation"])
        }
        // A capacity that all share, not an allowance.
        (Vendor::Vertex, Kind::RateLimited) => own(Kind::Overloaded, &["resource exhausted"]),
        (Vendor::Cohere, Kind::RateLimited) => own(Kind::Quota, &["/ month", "per month"]),
        _ => None,
    };
    match kind {
        _ if by_vendor.is_some() => by_vendor.unwrap_or(kind),
        Kind::Invalid if too_long(message) => Kind::ContextTooLong,
        Kind::Invalid if says(MONEY) => Kind::Quota,
        Kind::Invalid if says(POLICY) => Kind::Filtered,
        // Together answers a prompt too long with 403.
        Kind::Auth if status == Some(403) && too_long(message) => Kind::ContextTooLong,
        // Larger than the whole allowance: waiting never helps, a bigger tier does. Groq says it with 413.
        Kind::RateLimited if status == Some(413) || says(&["request too large"]) => Kind::ContextTooLong,
        // Google says "exceeded your current quota" of every limit, also of a minute's.
        Kind::RateLimited if matches!(vendor, Vendor::Gemini | Vendor::Vertex) => {
            if no_allowance(message) {
                Kind::Quota
            } else {
                kind
            }
        }
        Kind::RateLimited if says(MONEY) || says(DAY) => Kind::Quota,
        Kind::RateLimited if says(CAPACITY) => Kind::Overloaded,
        // No status says more than "server error" here.
        Kind::Server if status.is_none() && says(CAPACITY) => Kind::Overloaded,
        _ => kind,
    }
}

/// The kind of an error that has no code and no status, by its text alone.
pub(crate) fn by_phrase(message: &str) -> Kind {
    let says = |phrases| any(message, phrases);
    if too_long(message) {
        Kind::ContextTooLong
    } else if says(MONEY) {
        Kind::Quota
    } else if says(POLICY) {
        Kind::Filtered
    } else if says(CAPACITY) {
        Kind::Overloaded
    } else if says(&["rate limit"]) {
        Kind::RateLimited
    } else if says(&["timed out"]) {
        Kind::Timeout
    } else {
        Kind::Server
    }
}

/// Which allowance a refusal's text names.
pub(crate) fn refused(message: &str) -> Option<Refused> {
    let says = |phrases| any(message, phrases);
    if says(&["(rpm)", "(rpd)", "requests per min", "requests per day"]) {
        Some(Refused::Requests)
    } else if says(&["(itpm)", "input tokens per minute"]) {
        Some(Refused::InputTokens)
    } else if says(&["(otpm)", "output tokens per minute"]) {
        Some(Refused::OutputTokens)
    } else if says(&["(tpm)", "(tpd)", "tokens per min"]) {
        Some(Refused::Tokens)
    } else {
        None
    }
}

fn any(message: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| message.contains(phrase))
}

fn too_long(message: &str) -> bool {
    // Cerebras puts a number between its two halves.
    any(message, CONTEXT) || (message.contains("current length is") && message.contains("while limit is"))
}

/// Google's way to say that a tier does not include a model: a limit of zero.
fn no_allowance(message: &str) -> bool {
    message
        .split("limit: 0")
        .skip(1)
        .any(|rest| !rest.starts_with(|next: char| next.is_ascii_digit() || next == '.'))
}

const CONTEXT: &[&str] = &[
    "maximum context length",
    "exceed context limit",
    "model's maximum context limit",
    "is longer than the model's context length",
    "input tokens exceed the configured limit",
    "exceeds the maximum number of tokens allowed",
    "exceeds the available context size",
    "`inputs` tokens + `max_new_tokens` must be",
    "maximum input length is",
    "prompt is too long",
    "input is too long",
    "too many input tokens",
    "too many tokens",
    // LiteLLM names its own exceptions.
    "contextwindowexceedederror",
];

const POLICY: &[&str] = &["contentpolicyviolationerror"];

const MONEY: &[&str] = &[
    "exceeded your current quota",
    "insufficient balance",
    "credit balance is too low",
    "spend limit",
    "reached your specified api usage limits",
    "budget has been exceeded",
];

/// A day's allowance is not waited for, nor those of Ollama's cloud.
const DAY: &[&str] = &[
    "(tpd)",
    "tokens per day",
    "-per-day",
    "hourly usage limit",
    "session usage limit",
    "weekly usage limit",
];

const CAPACITY: &[&str] =
    &["experiencing high demand", "capacity exceeded", "overloaded", "server busy", "over capacity"];

const SERVER_FAULT: &[&str] = &["enginecore encountered", "cuda error", "cuda out of memory"];
