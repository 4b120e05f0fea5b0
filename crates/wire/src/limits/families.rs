//! The header names of each vendor, and what they count over.

use std::time::Duration;

use super::read::{DAY, MINUTE, Names};
use crate::Vendor;

/// What one vendor tells, and where. Of several entries the first that is there is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    pub(super) requests: &'static [Names],
    pub(super) tokens: &'static [Names],
    pub(super) input_tokens: &'static [Names],
    pub(super) output_tokens: &'static [Names],
    /// Resets at which the next call may pass.
    pub(super) waits: &'static [&'static str],
}

const NONE: Family = Family { requests: &[], tokens: &[], input_tokens: &[], output_tokens: &[], waits: &[] };

const fn names([limit, remaining, reset]: [&'static str; 3], window: Option<Duration>) -> Names {
    Names { limit, remaining, reset, window }
}

pub(super) const fn family(vendor: Vendor) -> Family {
    match vendor {
        Vendor::OpenAi | Vendor::Azure | Vendor::LiteLlm => OPENAI,
        Vendor::Anthropic => ANTHROPIC,
        Vendor::Groq => GROQ,
        Vendor::Mistral => MISTRAL,
        Vendor::Together => TOGETHER,
        Vendor::Fireworks => FIREWORKS,
        Vendor::SambaNova => SAMBANOVA,
        Vendor::Cohere => COHERE,
        Vendor::OpenRouter => OPENROUTER,
        // They send none. What is in front of them may send OpenAI's.
        Vendor::Gemini
        | Vendor::Vertex
        | Vendor::Bedrock
        | Vendor::DeepSeek
        | Vendor::HuggingFace
        | Vendor::Tgi
        | Vendor::Ollama
        | Vendor::Vllm
        | Vendor::Other
        | Vendor::Custom(_) => OTHER,
    }
}

const REQUESTS: [&str; 3] =
    ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"];
const TOKENS: [&str; 3] =
    ["x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"];
const TOKENS_USAGE_BASED: [&str; 3] = [
    "x-ratelimit-limit-tokens_usage_based",
    "x-ratelimit-remaining-tokens_usage_based",
    "x-ratelimit-reset-tokens_usage_based",
];
const TOKENS_MINUTE: Names = names(TOKENS, Some(MINUTE));

/// Azure's resets are whole seconds; both read alike.
const OPENAI: Family = Family {
    requests: &[names(REQUESTS, Some(MINUTE))],
    tokens: &[TOKENS_MINUTE, names(TOKENS_USAGE_BASED, Some(MINUTE))],
    ..NONE
};

/// The same names: requests of a day, tokens of a minute.
const GROQ: Family = Family { requests: &[names(REQUESTS, Some(DAY))], tokens: &[TOKENS_MINUTE], ..NONE };

const ANTHROPIC: Family = Family {
    requests: &[anthropic([
        "anthropic-ratelimit-requests-limit",
        "anthropic-ratelimit-requests-remaining",
        "anthropic-ratelimit-requests-reset",
    ])],
    tokens: &[anthropic([
        "anthropic-ratelimit-tokens-limit",
        "anthropic-ratelimit-tokens-remaining",
        "anthropic-ratelimit-tokens-reset",
    ])],
    input_tokens: &[anthropic([
        "anthropic-ratelimit-input-tokens-limit",
        "anthropic-ratelimit-input-tokens-remaining",
        "anthropic-ratelimit-input-tokens-reset",
    ])],
    output_tokens: &[anthropic([
        "anthropic-ratelimit-output-tokens-limit",
        "anthropic-ratelimit-output-tokens-remaining",
        "anthropic-ratelimit-output-tokens-reset",
    ])],
    // A subscription's windows, of which the answer names the one that ran out.
    waits: &["anthropic-ratelimit-unified-reset"],
};

const fn anthropic(all: [&'static str; 3]) -> Names {
    names(all, Some(MINUTE))
}

const MISTRAL: Family = Family {
    requests: &[names(
        ["x-ratelimit-limit-req-minute", "x-ratelimit-remaining-req-minute", ""],
        Some(MINUTE),
    )],
    tokens: &[
        names(["x-ratelimit-limit-tokens-minute", "x-ratelimit-remaining-tokens-minute", ""], Some(MINUTE)),
        // Older.
        names(
            ["x-ratelimitbysize-limit-minute", "x-ratelimitbysize-remaining-minute", "ratelimitbysize-reset"],
            Some(MINUTE),
        ),
    ],
    waits: &["ratelimitbysize-reset"],
    ..NONE
};

/// By the second.
const TOGETHER: Family = Family {
    requests: &[names(["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"], Some(SECOND))],
    tokens: &[names(["x-tokenlimit-limit", "x-tokenlimit-remaining", ""], Some(SECOND))],
    waits: &["x-ratelimit-reset"],
    ..NONE
};

/// By the second, though they are enforced by the minute.
const FIREWORKS: Family = Family {
    input_tokens: &[names(
        ["x-ratelimit-limit-tokens-prompt", "x-ratelimit-remaining-tokens-prompt", ""],
        Some(SECOND),
    )],
    output_tokens: &[names(
        ["x-ratelimit-limit-tokens-generated", "x-ratelimit-remaining-tokens-generated", ""],
        Some(SECOND),
    )],
    ..NONE
};

const SAMBANOVA: Family = Family {
    requests: &[
        names(REQUESTS, Some(MINUTE)),
        names(
            [
                "x-ratelimit-limit-requests-day",
                "x-ratelimit-remaining-requests-day",
                "x-ratelimit-reset-requests-day",
            ],
            Some(DAY),
        ),
    ],
    ..NONE
};

/// Only trial keys are told a limit, and no 429 repeats it.
const COHERE: Family = Family {
    requests: &[names(
        ["x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining", "x-ratelimit-reset"],
        Some(MINUTE),
    )],
    waits: &["x-ratelimit-reset"],
    ..NONE
};

/// Free models have a limit a minute and one a day under the same names; the reset tells which.
const OPENROUTER: Family = Family {
    requests: &[names(["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"], None)],
    waits: &["x-ratelimit-reset"],
    ..NONE
};

/// Whatever has one meaning only, and OpenAI's names with OpenAI's meaning.
const OTHER: Family = Family {
    requests: &[OPENAI.requests[0], MISTRAL.requests[0], ANTHROPIC.requests[0]],
    tokens: &[TOKENS_MINUTE, OPENAI.tokens[1], MISTRAL.tokens[0], ANTHROPIC.tokens[0]],
    input_tokens: ANTHROPIC.input_tokens,
    output_tokens: ANTHROPIC.output_tokens,
    waits: &[],
};

const SECOND: Duration = Duration::from_secs(1);

/// Limits of which zero means that there is no allowance, and what is left of a day or a month.
pub(super) const NOTHING_IF_ZERO: &[&str] = &[
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-limit-req-minute",
    "x-ratelimit-limit-tokens-minute",
    "x-ratelimit-limit-tokens-month",
    "x-ratelimit-remaining-tokens-month",
    "x-ratelimit-remaining-requests-day",
    "x-ratelimit-remaining-tokens-day",
];
