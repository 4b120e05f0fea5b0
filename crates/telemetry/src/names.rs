//! Every name of a span, an attribute and a metric, in one place, and the buckets that go with them.
//!
//! `gen_ai.*` and `error.type` are those of the OpenTelemetry conventions for generative AI, which are still in
//! development: when they change, only this file does. `buttress.*` are our own, for what the conventions lack.

/// The span of a call, from the layer's `call` to the true end of the answer.
pub const CALL: &str = "llm.call";
/// The span of an attempt.
pub const ATTEMPT: &str = "llm.attempt";

/// What is asked for: `chat`, `embeddings`, `text_completion` or `generate_content`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// The model, as the request names it.
pub const MODEL: &str = "gen_ai.request.model";
/// The provider, by its well-known name or by the target's.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// Whether a stream is asked for.
pub const STREAM: &str = "gen_ai.request.stream";
/// The caller's cap on generated tokens.
pub const MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// Tokens of the prompt, cached ones included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Tokens generated, reasoning included.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// The part of the prompt that was read from a cache.
pub const CACHED_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// The part of the prompt that was written to a cache.
pub const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// The part of the output that was reasoning.
pub const REASONING_TOKENS: &str = "gen_ai.usage.reasoning.output_tokens";
/// From the send, or for a call from its beginning, to the first content, in seconds.
pub const FIRST_CONTENT: &str = "gen_ai.response.time_to_first_chunk";
/// The kind of a failure; absent if there was none.
pub const ERROR_TYPE: &str = "error.type";
/// `input` or `output`, as a label of token metrics.
pub const TOKEN_TYPE: &str = "gen_ai.token.type";

/// The target's name.
pub const TARGET: &str = "buttress.target";
/// Why an attempt was made: `first`, `retry`, `hedge` or `failover`.
pub const CAUSE: &str = "buttress.attempt.cause";
/// `ok`, `failed` or `cancelled`.
pub const OUTCOME: &str = "buttress.outcome";
/// A call's attempts that reached a provider.
pub const ATTEMPTS: &str = "buttress.attempts";
/// Those of them that were retries.
pub const RETRIES: &str = "buttress.retries";
/// Those of them that were hedges.
pub const HEDGES: &str = "buttress.hedges";
/// Those of them that were failovers.
pub const FAILOVERS: &str = "buttress.failovers";
/// For how long a call has waited in limiters, in seconds.
pub const WAIT: &str = "buttress.limiter.wait";
/// How often a call was refused on this side.
pub const REFUSALS: &str = "buttress.refusals";

/// What [`names`](self) calls whatever has no name of its own: models beyond the bound.
pub const OTHER: &str = "other";

/// Histogram, seconds: an attempt from its call to its end.
pub const OPERATION_DURATION: &str = "gen_ai.client.operation.duration";
/// Histogram, seconds: an attempt's first content, from the send.
pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.client.operation.time_to_first_chunk";
/// Histogram, seconds: the mean time between an attempt's content events.
pub const TIME_PER_OUTPUT_CHUNK: &str = "gen_ai.client.operation.time_per_output_chunk";
/// Histogram, tokens: an attempt's usage, as the provider has reported it.
pub const TOKEN_USAGE: &str = "gen_ai.client.token.usage";

/// Counter: attempts that ended.
pub const ATTEMPTS_ENDED: &str = "buttress.client.attempts";
/// Counter: calls that ended.
pub const CALLS_ENDED: &str = "buttress.client.calls";
/// Gauge: calls that have begun and not ended.
pub const CALLS_RUNNING: &str = "buttress.client.calls.running";
/// Histogram, seconds: a call from its beginning to its true end.
pub const CALL_DURATION: &str = "buttress.client.call.duration";
/// Histogram, seconds: a call's first content, from its beginning.
pub const CALL_FIRST_CONTENT: &str = "buttress.client.call.time_to_first_content";
/// Counter: calls that no target served.
pub const EXHAUSTED: &str = "buttress.client.exhausted";
/// Counter: tokens, once it is known whether they were of use.
pub const TOKENS: &str = "buttress.client.tokens";
/// Counter, billionths of the price table's currency: the same tokens' price.
pub const COST: &str = "buttress.client.cost";
/// Histogram, seconds: waits in limiters.
pub const LIMITER_WAIT: &str = "buttress.client.limiter.wait";
/// Counter: calls refused on this side, by a limiter or an open breaker.
pub const REFUSED: &str = "buttress.client.refusals";
/// Histogram, seconds: waits before retries.
pub const RETRY_WAIT: &str = "buttress.client.retry.wait";
/// Counter: calls that went on to another target.
pub const FAILED_OVER: &str = "buttress.client.failovers";
/// Counter: changes of a state, as of a breaker.
pub const TRANSITIONS: &str = "buttress.client.transitions";
/// Gauge: 1 for the state that something is in, 0 for those it has been in.
pub const STATE: &str = "buttress.client.state";

/// Label: whether tokens were `useful` or `wasted`.
pub const USE: &str = "buttress.use";
/// Label: the layer that refused, `limit` or `breaker`.
pub const LAYER: &str = "buttress.layer";
/// Label: the name that a layer was given, mostly the target's.
pub const NAME: &str = "buttress.name";
/// Label: one of the states that something can be in.
pub const IN_STATE: &str = "buttress.state";
/// Label: where a change came from.
pub const FROM: &str = "buttress.from";
/// Label: where it led to.
pub const TO: &str = "buttress.to";

/// Bucket bounds for what is in seconds: 10 ms, doubling. The conventions end at 81.92; long generations do not.
pub const SECONDS_BUCKETS: [f64; 17] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92, 163.84, 327.68,
    655.36,
];

/// Bucket bounds for what is in tokens: 1, times 4, as the conventions have them.
pub const TOKEN_BUCKETS: [f64; 14] = [
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
];

/// The operation that a path stands for; chat, if it says nothing else.
pub(crate) fn operation(path: Option<&str>) -> &'static str {
    let path = path.unwrap_or_default();
    if path.contains("enerateContent") {
        "generate_content"
    } else if path.ends_with("/embeddings") || path.ends_with("/embed") {
        "embeddings"
    } else if path.ends_with("/completions") && !path.ends_with("/chat/completions") {
        "text_completion"
    } else {
        "chat"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_is_asked_for() {
        for (path, name) in [
            ("/v1/chat/completions", "chat"),
            ("/v1/messages", "chat"),
            ("/v1/responses", "chat"),
            ("/v1/completions", "text_completion"),
            ("/v1/embeddings", "embeddings"),
            ("/v2/embed", "embeddings"),
            ("/v1beta/models/gemini-3:streamGenerateContent", "generate_content"),
        ] {
            assert_eq!(operation(Some(path)), name, "{path}");
        }
        assert_eq!(operation(None), "chat");
    }

    #[test]
    fn buckets_rise() {
        assert!(SECONDS_BUCKETS.is_sorted() && TOKEN_BUCKETS.is_sorted());
    }
}
