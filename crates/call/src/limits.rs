//! What a provider says of its rate limits, and how it charges against them.

use std::time::Duration;

/// One dimension of a rate limit, as a provider's answer reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// What the window allows. Zero means that the account has no allowance at all.
    pub limit: Option<u64>,
    /// What is left of it.
    pub remaining: Option<u64>,
    /// The time until the allowance is full again.
    pub reset: Option<Duration>,
    /// The window that `limit` counts over, where the provider is known to mean one.
    pub window: Option<Duration>,
}

impl Limit {
    /// Whether the answer said anything.
    pub fn is_empty(&self) -> bool {
        self.limit.is_none() && self.remaining.is_none() && self.reset.is_none()
    }
}

/// The rate limits that an answer reported: a response extension, and part of [`Error`](crate::Error).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Requests.
    pub requests: Limit,
    /// Tokens, input and output together.
    pub tokens: Limit,
    /// Tokens of prompts, where they are counted apart.
    pub input_tokens: Limit,
    /// Generated tokens, where they are counted apart.
    pub output_tokens: Limit,
    /// Which of them refused the call, where the answer is a refusal and says so.
    pub refused: Option<Refused>,
}

/// The limit that a call ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// Too many requests.
    Requests,
    /// Too many tokens, input and output together.
    Tokens,
    /// Too many tokens of prompts.
    InputTokens,
    /// Too many generated tokens.
    OutputTokens,
}

impl Limits {
    /// Whether the answer said nothing of limits.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
            && self.tokens.is_empty()
            && self.input_tokens.is_empty()
            && self.output_tokens.is_empty()
            && self.refused.is_none()
    }
}

/// How a provider charges a call against its token limit: part of a response's [`Completion`](crate::Completion), or an
/// extension of its own, and part of [`Error`](crate::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Charging {
    /// What happens to the output.
    pub output: OutputCharge,
    /// Whether input and output have a bucket each.
    pub split: bool,
    /// Whether a request that fails counts like one that succeeds.
    pub failed_requests_count: bool,
    /// Whether input that is read from the prompt cache is left out of the count.
    pub cached_input_free: bool,
}

impl Charging {
    /// A profile with one bucket, in which failed requests do not count and cached input does.
    pub const fn new(output: OutputCharge) -> Self {
        Charging { output, split: false, failed_requests_count: false, cached_input_free: false }
    }

    /// The same with a bucket each for input and output.
    #[must_use]
    pub const fn with_split(mut self) -> Self {
        self.split = true;
        self
    }

    /// The same, but failed requests count too.
    #[must_use]
    pub const fn with_failed_requests_counted(mut self) -> Self {
        self.failed_requests_count = true;
        self
    }

    /// The same, but input read from the prompt cache does not count.
    #[must_use]
    pub const fn with_cached_input_free(mut self) -> Self {
        self.cached_input_free = true;
        self
    }
}

/// When generated tokens are charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputCharge {
    /// As they are generated; the output cap is not reserved (Anthropic).
    AsStreamed,
    /// The output cap is reserved at admission and settled at the end (OpenAI, Bedrock, Groq).
    ReservedAndSettled,
    /// The output cap is reserved at admission, and what was not used is not returned (Azure).
    ReservedAndKept,
    /// Not at all: only input counts (Gemini).
    Free,
}
