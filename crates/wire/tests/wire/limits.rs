//! Rate-limit headers.

use std::time::{Duration, SystemTime};

use buttress_call::Limit;
use buttress_wire::{Dialect, limits};

use crate::errors::headers;

fn limit(limit: u64, remaining: u64, reset: Duration) -> Limit {
    let mut expected = Limit::default();
    expected.limit = Some(limit);
    expected.remaining = Some(remaining);
    expected.reset = Some(reset);
    expected.window = Some(Duration::from_secs(60));
    expected
}

#[test]
fn openai_resets_are_go_durations() {
    let headers = headers(&[
        ("x-ratelimit-limit-requests", "500"),
        ("x-ratelimit-remaining-requests", "499"),
        ("x-ratelimit-reset-requests", "120ms"),
        ("x-ratelimit-limit-tokens", "200000"),
        ("x-ratelimit-remaining-tokens", "150000"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ]);
    let read = limits(Dialect::OpenAi, &headers, SystemTime::UNIX_EPOCH);
    assert_eq!(read.requests, limit(500, 499, Duration::from_millis(120)));
    assert_eq!(read.tokens, limit(200_000, 150_000, Duration::from_secs(360)));
    assert!(read.input_tokens.is_empty() && read.output_tokens.is_empty());
}

#[test]
fn azure_resets_are_seconds_and_minus_one_is_unknown() {
    let headers = headers(&[
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "59"),
        ("x-ratelimit-reset-requests", "10"),
        ("x-ratelimit-limit-tokens", "-1"),
        ("x-ratelimit-remaining-tokens", "-1"),
        ("x-ratelimit-reset-tokens", "0"),
    ]);
    let read = limits(Dialect::OpenAi, &headers, SystemTime::UNIX_EPOCH);
    assert_eq!(read.requests, limit(60, 59, Duration::from_secs(10)));
    assert_eq!(read.tokens, Limit::default());
}

#[test]
fn usage_based_token_limits_stand_in_for_missing_ones() {
    let headers = headers(&[
        ("x-ratelimit-limit-tokens_usage_based", "1000"),
        ("x-ratelimit-remaining-tokens_usage_based", "10"),
        ("x-ratelimit-reset-tokens_usage_based", "1s"),
    ]);
    let read = limits(Dialect::OpenAi, &headers, SystemTime::UNIX_EPOCH);
    assert_eq!(read.tokens, limit(1000, 10, Duration::from_secs(1)));
}

#[test]
fn anthropic_resets_are_times_and_a_past_one_means_full() {
    let headers = headers(&[
        ("date", "Sun, 09 Nov 2025 12:41:00 GMT"),
        ("anthropic-ratelimit-requests-limit", "50"),
        ("anthropic-ratelimit-requests-remaining", "50"),
        ("anthropic-ratelimit-requests-reset", "2025-11-09T12:40:59Z"),
        ("anthropic-ratelimit-tokens-limit", "38000"),
        ("anthropic-ratelimit-tokens-remaining", "37000"),
        ("anthropic-ratelimit-tokens-reset", "2025-11-09T12:41:02Z"),
        ("anthropic-ratelimit-input-tokens-limit", "30000"),
        ("anthropic-ratelimit-input-tokens-remaining", "30000"),
        ("anthropic-ratelimit-input-tokens-reset", "2025-11-09T13:41:00+01:00"),
        ("anthropic-ratelimit-output-tokens-limit", "8000"),
        ("anthropic-ratelimit-output-tokens-remaining", "7000"),
        ("anthropic-ratelimit-output-tokens-reset", "2025-11-09T12:41:07.5Z"),
    ]);
    // Whatever this machine's clock says.
    let read = limits(Dialect::Anthropic, &headers, SystemTime::UNIX_EPOCH);
    assert_eq!(read.requests, limit(50, 50, Duration::ZERO));
    assert_eq!(read.tokens, limit(38_000, 37_000, Duration::from_secs(2)));
    assert_eq!(read.input_tokens, limit(30_000, 30_000, Duration::ZERO));
    assert_eq!(read.output_tokens, limit(8000, 7000, Duration::from_millis(7500)));
}

#[test]
fn without_a_date_the_clock_of_the_caller_serves() {
    let headers = headers(&[
        ("anthropic-ratelimit-requests-remaining", "1"),
        ("anthropic-ratelimit-requests-reset", "1970-01-01T00:00:30Z"),
    ]);
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
    assert_eq!(limits(Dialect::Anthropic, &headers, now).requests.reset, Some(Duration::from_secs(20)));
}

#[test]
fn garbage_says_nothing() {
    for value in ["", "many", "-5", "1.5", "99999999999999999999999"] {
        let headers = headers(&[
            ("x-ratelimit-limit-requests", value),
            ("anthropic-ratelimit-requests-limit", value),
            ("x-ratelimit-reset-requests", "5s"),
        ]);
        assert!(limits(Dialect::OpenAi, &headers, SystemTime::UNIX_EPOCH).is_empty(), "{value:?}");
        assert!(limits(Dialect::Anthropic, &headers, SystemTime::UNIX_EPOCH).is_empty(), "{value:?}");
    }
    let zero = headers(&[("x-ratelimit-limit-tokens", "0"), ("x-ratelimit-reset-tokens", "soon")]);
    let read = limits(Dialect::OpenAi, &zero, SystemTime::UNIX_EPOCH).tokens;
    assert_eq!((read.limit, read.reset), (Some(0), None), "an allowance of zero is an answer");
}
