//! Rate-limit headers.

use std::time::{Duration, SystemTime};

use buttress_call::{Limit, Refused};
use buttress_wire::{ApiError, Dialect, Vendor, limits};

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

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const SECOND: Duration = Duration::from_secs(1);

/// What one vendor's answer says of one limit: limit, remaining, reset, window.
fn said(limit: u64, remaining: u64, reset: Option<Duration>, window: Duration) -> Limit {
    let mut said = Limit::default();
    (said.limit, said.remaining, said.reset, said.window) =
        (Some(limit), Some(remaining), reset, Some(window));
    said
}

#[test]
fn one_header_name_has_as_many_scales_as_vendors() {
    let headers = headers(&[
        ("x-ratelimit-limit-requests", "14400"),
        ("x-ratelimit-remaining-requests", "14370"),
        ("x-ratelimit-reset-requests", "2m59.56s"),
        ("x-ratelimit-limit-tokens", "6000"),
        ("x-ratelimit-remaining-tokens", "5994"),
        ("x-ratelimit-reset-tokens", "60ms"),
    ]);
    let read = |vendor| limits(vendor, &headers, SystemTime::UNIX_EPOCH);
    let (reset, tokens) = (Some(Duration::from_millis(179_560)), Some(Duration::from_millis(60)));
    for (vendor, window) in [(Vendor::OpenAi, MINUTE), (Vendor::Azure, MINUTE), (Vendor::Groq, DAY)] {
        assert_eq!(read(vendor).requests, said(14400, 14370, reset, window), "{vendor}");
        assert_eq!(read(vendor).tokens, said(6000, 5994, tokens, MINUTE), "{vendor}");
    }
}

#[test]
fn mistral_counts_by_the_minute_under_names_of_its_own_and_older_ones() {
    let new = headers(&[
        ("x-ratelimit-limit-req-minute", "60"),
        ("x-ratelimit-remaining-req-minute", "59"),
        ("x-ratelimit-limit-tokens-minute", "500000"),
        ("x-ratelimit-remaining-tokens-minute", "499000"),
        ("x-ratelimit-limit-tokens-month", "1000000000"),
        ("x-ratelimit-remaining-tokens-month", "999000000"),
        ("x-ratelimit-tokens-query-cost", "1000"),
    ]);
    let read = limits(Vendor::Mistral, &new, SystemTime::UNIX_EPOCH);
    assert_eq!(read.requests, said(60, 59, None, MINUTE));
    assert_eq!(read.tokens, said(500_000, 499_000, None, MINUTE));
    let old = headers(&[
        ("x-ratelimitbysize-limit-minute", "500000"),
        ("x-ratelimitbysize-remaining-minute", "0"),
        ("ratelimitbysize-reset", "12"),
    ]);
    let read = limits(Vendor::Mistral, &old, SystemTime::UNIX_EPOCH);
    assert_eq!(read.tokens, said(500_000, 0, Some(12 * SECOND), MINUTE));
}

#[test]
fn together_and_fireworks_count_by_the_second() {
    let together = headers(&[
        ("x-ratelimit-limit", "10"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset", "1"),
        ("x-tokenlimit-limit", "3000"),
        ("x-tokenlimit-remaining", "2900"),
    ]);
    let read = limits(Vendor::Together, &together, SystemTime::UNIX_EPOCH);
    assert_eq!(read.requests, said(10, 9, Some(SECOND), SECOND));
    assert_eq!(read.tokens, said(3000, 2900, None, SECOND));
    let fireworks = headers(&[
        ("x-ratelimit-limit-tokens-prompt", "60000"),
        ("x-ratelimit-remaining-tokens-prompt", "59000"),
        ("x-ratelimit-limit-tokens-cache-adjusted-prompt", "15000"),
        ("x-ratelimit-remaining-tokens-cache-adjusted-prompt", "15000"),
        ("x-ratelimit-limit-tokens-generated", "600"),
        ("x-ratelimit-remaining-tokens-generated", "500"),
        ("x-ratelimit-over-limit", "no"),
    ]);
    let read = limits(Vendor::Fireworks, &fireworks, SystemTime::UNIX_EPOCH);
    assert_eq!(read.input_tokens, said(60_000, 59_000, None, SECOND));
    assert_eq!(read.output_tokens, said(600, 500, None, SECOND));
}

#[test]
fn of_a_minutes_and_a_days_limit_the_shorter_is_reported() {
    let day = [
        ("x-ratelimit-limit-requests-day", "1500"),
        ("x-ratelimit-remaining-requests-day", "1497"),
        ("x-ratelimit-reset-requests-day", "4h17m"),
    ];
    let minute = [("x-ratelimit-limit-requests", "60"), ("x-ratelimit-remaining-requests", "59")];
    let read = |pairs: &[_]| limits(Vendor::SambaNova, &headers(pairs), SystemTime::UNIX_EPOCH).requests;
    assert_eq!(read(&[&minute[..], &day].concat()), said(60, 59, None, MINUTE));
    assert_eq!(read(&day), said(1500, 1497, Some(257 * MINUTE), DAY));
}

#[test]
fn a_reset_may_be_a_point_in_time_of_any_unit() {
    let date = ("date", "Sun, 09 Sep 2001 01:46:40 GMT");
    let read = |vendor, reset| {
        let (limit, remaining) = if vendor == Vendor::Cohere {
            ("x-trial-endpoint-call-limit", "x-trial-endpoint-call-remaining")
        } else {
            ("x-ratelimit-limit", "x-ratelimit-remaining")
        };
        let headers = headers(&[date, (limit, "20"), (remaining, "0"), ("x-ratelimit-reset", reset)]);
        limits(vendor, &headers, SystemTime::UNIX_EPOCH).requests
    };
    assert_eq!(read(Vendor::Cohere, "1000000030"), said(20, 0, Some(30 * SECOND), MINUTE));
    // A minute's and a day's limit share these names: the reset tells which.
    assert_eq!(read(Vendor::OpenRouter, "1000000030000"), said(20, 0, Some(30 * SECOND), MINUTE));
    assert_eq!(read(Vendor::OpenRouter, "1000030000000"), said(20, 0, Some(30_000 * SECOND), DAY));
    assert_eq!(read(Vendor::OpenRouter, "1000000030"), said(20, 0, Some(30 * SECOND), MINUTE));
    assert_eq!(read(Vendor::OpenRouter, "2001-09-09T01:46:50Z"), said(20, 0, Some(10 * SECOND), MINUTE));
    assert_eq!(read(Vendor::OpenRouter, "1000000000"), said(20, 0, Some(Duration::ZERO), MINUTE));
    let unknown = read(Vendor::OpenRouter, "soon");
    assert_eq!((unknown.reset, unknown.window), (None, None), "no reset, no window");
}

#[test]
fn vendors_that_send_no_limits_say_nothing() {
    for vendor in [Vendor::Gemini, Vendor::Vertex, Vendor::Bedrock, Vendor::Ollama, Vendor::Tgi] {
        let headers = headers(&[("x-ratelimit-limit", "1"), ("content-type", "application/json")]);
        assert!(limits(vendor, &headers, SystemTime::UNIX_EPOCH).is_empty(), "{vendor}");
    }
}

#[test]
fn a_refusal_names_the_limit_that_refused() {
    for (body, refused) in [
        (r#"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#, Some(Refused::Tokens)),
        (
            r#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#,
            Some(Refused::Requests),
        ),
        (
            r#"{"error":{"message":"on requests per min (RPM): Limit 3","code":"rate_limit_exceeded"}}"#,
            Some(Refused::Requests),
        ),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"rate limit of 30,000 input tokens per minute"}}"#,
            Some(Refused::InputTokens),
        ),
        (
            r#"{"type":"error","error":{"type":"rate_limit_error","message":"rate limit of 8,000 output tokens per minute"}}"#,
            Some(Refused::OutputTokens),
        ),
        (
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateContentInputTokensPerModelPerMinute-FreeTier"}]}]}}"#,
            Some(Refused::InputTokens),
        ),
        (
            r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel"}]}]}}"#,
            Some(Refused::Requests),
        ),
        (r#"{"error":{"message":"Slow down","code":"slow_down"}}"#, None),
        // No refusal for the rate.
        (r#"{"error":{"message":"m","type":"tokens","code":"insufficient_quota"}}"#, None),
    ] {
        let status = http::StatusCode::TOO_MANY_REQUESTS;
        let error = ApiError::from_answer(
            Vendor::Other,
            status,
            &headers(&[]),
            body.as_bytes(),
            SystemTime::UNIX_EPOCH,
        );
        assert_eq!(error.refused, refused, "{body}");
    }
}
