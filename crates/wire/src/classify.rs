//! From what a provider says to a [`Kind`]: structured code, then status, then phrase.
//!
//! Codes are stable and phrases are not, so a phrase only refines what a code or a status left open: a 400 that is
//! really a prompt too long, a 429 that is really about money.

use buttress_call::Kind;

use crate::Dialect;

/// The kind that a structured code or type names.
///
/// `None` for codes that say no more than the status, such as `invalid_request_error`: DeepSeek sends that one for an
/// empty balance, OpenAI for a wrong key. One table serves all dialects, because gateways mix them and no code means
/// two things.
pub(crate) fn by_code(code: &str) -> Option<Kind> {
    Some(match code.to_ascii_lowercase().as_str() {
        "context_length_exceeded" | "token_limit_exceeded" | "max_tokens_exceeded" | "request_too_large" => {
            Kind::ContextTooLong
        }
        // The limit of one field: no window is large enough.
        "string_above_max_length" => Kind::Invalid,
        "content_filter"
        | "content_policy_violation"
        | "responsibleaipolicyviolation"
        | "invalid_prompt"
        | "bio_policy"
        | "misalignment_policy_violation"
        | "refusal" => Kind::Filtered,
        "invalid_api_key"
        | "authentication"
        | "authentication_error"
        | "permission_error"
        | "permission_denied"
        | "organization_on_hold" => Kind::Auth,
        "insufficient_quota"
        | "credit_balance_exhausted"
        | "organization_spend_limit_exceeded"
        | "project_spend_limit_exceeded"
        | "organization_usage_limit_exceeded"
        | "billing_hard_limit_reached"
        | "billing_error"
        | "payment_required"
        | "enforced_spend_limit_reached"
        | "contract_spend_limit_reached" => Kind::Quota,
        "model_not_found" | "deploymentnotfound" | "not_found_error" | "notfounderror" => Kind::NotFound,
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "rate_limited"
        | "ramp_limit_exceeded"
        | "slow_down"
        | "tokens"
        | "requests" => Kind::RateLimited,
        "server_is_overloaded"
        | "service_unavailable_error"
        | "overloaded_error"
        | "overloaded"
        | "provider_overloaded"
        | "provider_unavailable"
        | "capacity_exceeded" => Kind::Overloaded,
        "timeout" | "timeout_error" | "request_body_timeout" => Kind::Timeout,
        "server_error"
        | "internal_server_error"
        | "internalservererror"
        | "api_error"
        | "conflict_error"
        | "generation" => Kind::Server,
        "incomplete_generation" => Kind::Broken,
        code if code.starts_with("linked_organization_") => Kind::Quota,
        code if code.starts_with("cmek_") => Kind::Server,
        _ => return None,
    })
}

/// The kind that a status means in a dialect; `None` for a status below 400.
pub(crate) fn by_status(dialect: Dialect, status: u16) -> Option<Kind> {
    match (dialect, status) {
        // OpenAI's own 408 is a hiccup that its SDKs retry; servers that mean "too slow" say so in the code.
        (Dialect::OpenAi | Dialect::Responses, 408) => Some(Kind::Server),
        // Fireworks: the account is suspended.
        (Dialect::OpenAi, 412) => Some(Kind::Quota),
        // Groq: no flex capacity.
        (Dialect::OpenAi, 498) => Some(Kind::Overloaded),
        // Too many bytes for Anthropic. Another provider, or a larger window, may take them.
        (Dialect::Anthropic, 413) => Some(Kind::ContextTooLong),
        (Dialect::Custom(language), status) => language.status(http::StatusCode::from_u16(status).ok()?),
        // Not implemented: it would be wrong again.
        (_, 501) => Some(Kind::Invalid),
        _ => Kind::from_status(http::StatusCode::from_u16(status).ok()?),
    }
}

/// Refines `kind` by the message's text (in lower case), where codes and statuses are known to be vague.
pub(crate) fn refine(kind: Kind, status: Option<u16>, message: &str) -> Kind {
    let says = |phrases| any(message, phrases);
    match kind {
        Kind::Invalid if too_long(message) => Kind::ContextTooLong,
        Kind::Invalid if says(MONEY) => Kind::Quota,
        // Together answers a prompt too long with 403.
        Kind::Auth if status == Some(403) && too_long(message) => Kind::ContextTooLong,
        // Larger than the whole allowance: waiting never helps, a bigger tier does. Groq says it with 413.
        Kind::RateLimited if status == Some(413) || says(&["request too large"]) => Kind::ContextTooLong,
        Kind::RateLimited if says(MONEY) || says(DAY) => Kind::Quota,
        Kind::RateLimited if says(CAPACITY) => Kind::Overloaded,
        _ => kind,
    }
}

/// The kind of an error that has no code and no status, by its text alone (in lower case).
pub(crate) fn by_phrase(message: &str) -> Kind {
    let says = |phrases| any(message, phrases);
    if too_long(message) {
        Kind::ContextTooLong
    } else if says(MONEY) {
        Kind::Quota
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

fn any(message: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| message.contains(phrase))
}

fn too_long(message: &str) -> bool {
    // Cerebras puts a number between its two halves.
    any(message, CONTEXT) || (message.contains("current length is") && message.contains("while limit is"))
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
];

const MONEY: &[&str] = &[
    "exceeded your current quota",
    "insufficient balance",
    "credit balance is too low",
    "spend limit",
    "reached your specified api usage limits",
];

/// A day's allowance is not waited for.
const DAY: &[&str] = &["(tpd)", "tokens per day"];

const CAPACITY: &[&str] =
    &["experiencing high demand", "capacity exceeded", "overloaded", "server busy", "over capacity"];
