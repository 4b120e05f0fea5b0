//! Rate limits in an answer's headers.

use std::time::{Duration, SystemTime};

use buttress_call::{Charging, Limit, Limits, OutputCharge, hint::MAX_HINT};
use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822};

use crate::{Dialect, duration};

/// What both dialects' own providers count over. Other speakers of the OpenAI dialect give the same header names other
/// scales (Groq counts requests by the day); who knows the provider corrects the window.
const WINDOW: Duration = Duration::from_secs(60);

/// Reads the rate limits of an answer, whatever its status.
///
/// `now` is only used if the answer has no `date` of its own, for resets given as points in time. A reset in the past
/// means that the allowance is full; negative numbers and garbage say nothing.
pub fn limits(dialect: Dialect, headers: &HeaderMap, now: SystemTime) -> Limits {
    let mut limits = Limits::default();
    match dialect {
        Dialect::OpenAi | Dialect::Responses => {
            limits.requests = openai(headers, REQUESTS);
            limits.tokens = openai(headers, TOKENS);
            if limits.tokens.is_empty() {
                limits.tokens = openai(headers, TOKENS_USAGE_BASED);
            }
        }
        Dialect::Anthropic => {
            let clock = clock(headers, now);
            let read = |names| read(headers, names, |reset| until(reset, clock?));
            limits.requests = read(ANTHROPIC_REQUESTS);
            limits.tokens = read(ANTHROPIC_TOKENS);
            limits.input_tokens = read(ANTHROPIC_INPUT);
            limits.output_tokens = read(ANTHROPIC_OUTPUT);
        }
        // Their headers say nothing of limits.
        _ => {}
    }
    limits
}

/// How the dialect's own provider charges a call against its token limit.
///
/// OpenAI reserves the output cap, and counts failed requests; Anthropic counts input and output apart and charges
/// output as it is generated. Gemini counts input alone; Bedrock reserves the output cap, too.
pub fn charging(dialect: Dialect) -> Charging {
    match dialect {
        Dialect::OpenAi | Dialect::Responses => {
            Charging::new(OutputCharge::ReservedAndSettled).with_failed_requests_counted()
        }
        Dialect::Anthropic => Charging::new(OutputCharge::AsStreamed).with_split(),
        Dialect::Gemini => Charging::new(OutputCharge::Free),
        Dialect::Bedrock | Dialect::BedrockInvoke => Charging::new(OutputCharge::ReservedAndSettled),
        _ => Charging::new(OutputCharge::AsStreamed),
    }
}

/// Whether a limit of zero says that this account may do nothing at all: waiting does not help.
pub(crate) fn nothing_allowed(headers: &HeaderMap) -> bool {
    // The last three are Mistral's.
    [
        "x-ratelimit-limit-requests",
        "x-ratelimit-limit-tokens",
        "x-ratelimit-limit-req-minute",
        "x-ratelimit-limit-tokens-minute",
        "x-ratelimit-limit-tokens-month",
    ]
    .iter()
    .any(|name| number(headers, name) == Some(0))
}

/// The names of limit, remaining and reset.
type Names = [&'static str; 3];

const REQUESTS: Names =
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const TOKENS: Names =
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
const TOKENS_USAGE_BASED: Names = [
    "x-ratelimit-limit-tokens_usage_based",
    "x-ratelimit-remaining-tokens_usage_based",
    "x-ratelimit-reset-tokens_usage_based",
];
const ANTHROPIC_REQUESTS: Names = [
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
];
const ANTHROPIC_TOKENS: Names = [
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
];
const ANTHROPIC_INPUT: Names = [
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
];
const ANTHROPIC_OUTPUT: Names = [
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
];

fn openai(headers: &HeaderMap, names: Names) -> Limit {
    read(headers, names, duration::parse)
}

fn read(
    headers: &HeaderMap,
    [limit, remaining, reset]: Names,
    wait: impl Fn(&str) -> Option<Duration>,
) -> Limit {
    let mut read = Limit::default();
    read.limit = number(headers, limit);
    read.remaining = number(headers, remaining);
    // Azure sends -1, -1 and 0 for "unknown": a reset of nothing says nothing.
    if !read.is_empty() {
        read.reset = text(headers, reset).and_then(wait);
        read.window = Some(WINDOW);
    }
    read
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    text(headers, name)?.parse().ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The server's own clock where it shows it, so that a skewed clock here does not stretch a reset.
fn clock(headers: &HeaderMap, now: SystemTime) -> Option<Timestamp> {
    let date = text(headers, header::DATE.as_str());
    date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok())
        .or_else(|| Timestamp::try_from(now).ok())
}

/// From `clock` to a time in RFC 3339; zero if that is past.
fn until(reset: &str, clock: Timestamp) -> Option<Duration> {
    let reset: Timestamp = reset.parse().ok()?;
    let wait = reset.duration_since(clock);
    Some(if wait.is_negative() { Duration::ZERO } else { wait.unsigned_abs().min(MAX_HINT) })
}
