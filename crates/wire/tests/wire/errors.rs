//! From error answers to kinds. The facts known of the providers are tables in `tests/facts`.

use std::time::{Duration, SystemTime};

use buttress_call::Kind;
use buttress_wire::{ApiError, Dialect};
use http::{HeaderMap, HeaderName, StatusCode};
use proptest::prelude::*;

use Dialect::{Anthropic, OpenAi};

const SLOW_DOWN: &str = r#"{"error":{"message":"Slow down","type":"rate_limit_error","code":"slow_down"}}"#;

pub(crate) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn read(dialect: Dialect, status: u16, pairs: &[(&'static str, &str)], body: &str) -> ApiError {
    let status = StatusCode::from_u16(status).unwrap();
    ApiError::from_answer(dialect, status, &headers(pairs), body.as_bytes(), SystemTime::UNIX_EPOCH)
}

/// Checks a table of facts: a line each, `status | kind | source | body`.
fn check(dialect: Dialect, facts: &str) {
    for fact in facts.lines().filter(|line| !line.starts_with('#')) {
        let [status, kind, _source, body] = fact.splitn(4, " |").collect::<Vec<_>>()[..] else {
            panic!("four columns: {fact}");
        };
        let error = read(dialect, status.parse().unwrap(), &[], body.trim_start());
        assert_eq!(error.failure.to_string(), kind.trim(), "{fact}");
    }
}

#[test]
fn openai_and_azure_errors_have_the_kinds_of_their_facts() {
    check(OpenAi, include_str!("../facts/openai.txt"));
}

#[test]
fn speakers_of_the_openai_dialect_are_understood_unnamed() {
    check(OpenAi, include_str!("../facts/openai_speakers.txt"));
}

#[test]
fn anthropic_errors_have_the_kinds_of_their_facts() {
    check(Anthropic, include_str!("../facts/anthropic.txt"));
}

#[test]
fn inside_a_200_a_numeric_code_stands_for_the_status() {
    for (body, kind) in [
        (r#"{"error":{"message":"x","type":"InternalServerError","code":500}}"#, Kind::Server),
        (r#"{"error":{"message":"x","type":"BadRequestError","code":400}}"#, Kind::Invalid),
        (r#"{"error":{"message":"x","type":"server_error","code":"429"}}"#, Kind::RateLimited),
        (
            r#"{"error":{"message":"x","code":502,"metadata":{"error_type":"provider_overloaded"}}}"#,
            Kind::Overloaded,
        ),
        (
            r#"{"error":{"message":"The model is overloaded","type":"invalid_request_error"}}"#,
            Kind::Overloaded,
        ),
        (r#"{"error":{"message":"prompt is too long"}}"#, Kind::ContextTooLong),
        (r#"{"error":{"message":"Rate limit hit"}}"#, Kind::RateLimited),
        (r#"{"error":"something"}"#, Kind::Server),
        (r#"{"error":{"code":1300}}"#, Kind::Server),
    ] {
        assert_eq!(ApiError::in_body(OpenAi, body.as_bytes()).unwrap().failure.kind, kind, "{body}");
    }
    assert_eq!(ApiError::in_body(OpenAi, br#"{"choices":[],"error":null}"#), None);
    assert_eq!(ApiError::in_body(OpenAi, b"not JSON"), None);
}

#[test]
fn a_limit_of_zero_is_no_rate_limit_but_no_allowance() {
    let body = r#"{"object":"error","message":"Rate limit exceeded","type":"rate_limited","code":"1300"}"#;
    let error = read(OpenAi, 429, &[("x-ratelimit-limit-tokens-month", "0")], body);
    assert_eq!(error.failure.kind, Kind::Quota);
    let error = read(OpenAi, 429, &[("x-ratelimit-limit-tokens-month", "1000000")], body);
    assert_eq!(error.failure.kind, Kind::RateLimited);
}

#[test]
fn the_wait_is_that_of_the_headers_and_else_of_the_message() {
    let body = r#"{"error":{"message":"Rate limit reached. Please try again in 9m38.016s.","code":"rate_limit_exceeded"}}"#;
    let wait = |pairs: &[_], body| read(OpenAi, 429, pairs, body).failure.retry_after;
    assert_eq!(wait(&[("retry-after", "7")], body), Some(Duration::from_secs(7)));
    assert_eq!(
        wait(&[("retry-after-ms", "250"), ("retry-after", "7")], body),
        Some(Duration::from_millis(250))
    );
    assert_eq!(wait(&[], body), Some(Duration::from_millis(578_016)));
    assert_eq!(wait(&[("retry-after", "0")], body), Some(Duration::from_millis(578_016)));
    assert_eq!(wait(&[], "Please retry after 20 seconds"), Some(Duration::from_secs(20)));
    assert_eq!(wait(&[], ""), None);
    // A message that says when money comes back is not a wait between two tries.
    let money = r#"{"error":{"message":"Try again in 5s","code":"insufficient_quota"}}"#;
    assert_eq!(wait(&[], money), None);
}

#[test]
fn code_and_message_are_kept_and_bounded() {
    let error = read(OpenAi, 429, &[], SLOW_DOWN);
    assert_eq!(error.code.as_deref(), Some("slow_down"));
    assert_eq!(&*error.message, "Slow down");
    assert_eq!(error.to_string(), "rate_limited (slow_down): Slow down");

    let long = "é".repeat(5000);
    let error = read(OpenAi, 400, &[], &format!(r#"{{"error":{{"message":"x{long}","code":"y{long}"}}}}"#));
    assert_eq!(error.message.len(), 1023, "cut before the character that crosses 1024");
    assert_eq!(error.code.unwrap().len(), 127);
    let error = read(OpenAi, 502, &[], &format!("  x{long}"));
    assert!(error.message.len() <= 1024 && error.message.starts_with("xé"));

    let error = read(OpenAi, 429, &[], r#"{"error":{"code":429,"message":7,"type":[]}}"#);
    assert_eq!((error.code.as_deref(), &*error.message), (Some("429"), "7"), "wrong types are no obstacle");
    let list = read(OpenAi, 422, &[], r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#);
    assert_eq!(&*list.message, r#"[{"loc":["body"],"msg":"field required"}]"#);
    let wrapped = read(OpenAi, 429, &[], r#"[{"error":{"message":"m","code":"slow_down"}}]"#);
    assert_eq!(wrapped.code.as_deref(), Some("slow_down"));
}

proptest! {
    #[test]
    fn every_error_status_has_a_kind_whatever_the_body(status in 100u16..1000, body in ".{0,200}") {
        for dialect in [OpenAi, Anthropic] {
            let error = read(dialect, status, &[], &body);
            prop_assert!(error.message.len() <= 1024);
        }
    }
}
