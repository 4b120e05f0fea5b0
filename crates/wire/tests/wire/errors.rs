//! From error answers to kinds. What is known of the vendors is the table in `tests/facts/errors.txt`.

use std::time::{Duration, SystemTime};

use buttress_call::Kind;
use buttress_wire::{ApiError, Dialect, Vendor};
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

/// A row of the table.
struct Fact<'a> {
    row: &'a str,
    vendor: Vendor,
    /// It must be named to be understood.
    only_named: bool,
    status: StatusCode,
    expected: &'a str,
    source: &'a str,
    headers: HeaderMap,
    body: &'a str,
}

fn facts() -> impl Iterator<Item = Fact<'static>> {
    let rows = include_str!("../facts/errors.txt").lines();
    rows.filter(|row| !row.is_empty() && !row.starts_with('#')).map(|row| {
        let columns: Vec<_> = row.splitn(6, " |").map(str::trim).collect();
        let [name, status, expected, source, headers, body] = columns[..] else {
            panic!("six columns: {row}");
        };
        let pairs = headers.split(" ; ").filter_map(|header| header.split_once(": "));
        let known = TABLE_NAMES.iter().position(|known| *known == name.trim_end_matches('!'));
        Fact {
            row,
            vendor: Vendor::ALL[known.unwrap_or_else(|| panic!("a vendor: {row}"))],
            only_named: name.ends_with('!'),
            status: status.parse().unwrap(),
            expected,
            source,
            headers: pairs
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap()))
                .collect(),
            body,
        }
    })
}

/// Shorter than the vendors' own names, which are those of OpenTelemetry.
const TABLE_NAMES: [&str; Vendor::ALL.len()] = [
    "openai",
    "azure",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "mistral",
    "groq",
    "deepseek",
    "openrouter",
    "together",
    "fireworks",
    "cohere",
    "sambanova",
    "huggingface",
    "tgi",
    "ollama",
    "vllm",
    "litellm",
    "other",
];

fn said(fact: &Fact<'_>, vendor: Vendor) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let error = ApiError::from_answer(vendor, fact.status, &fact.headers, fact.body.as_bytes(), now);
    error.failure.to_string()
}

#[test]
fn what_every_vendor_answers_has_the_kind_and_the_hint_of_its_fact() {
    let wrong: Vec<_> = facts()
        .filter(|fact| said(fact, fact.vendor) != fact.expected)
        .map(|fact| format!("{} for {}", said(&fact, fact.vendor), fact.row))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn most_of_it_is_understood_unnamed_and_the_table_marks_the_rest() {
    let wrong: Vec<_> = facts()
        .filter(|fact| (said(fact, Vendor::Other) == fact.expected) == fact.only_named)
        .map(|fact| format!("{} for {}", said(&fact, Vendor::Other), fact.row))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_covers_every_vendor_and_names_a_source_for_every_row() {
    for vendor in Vendor::ALL {
        assert!(facts().filter(|fact| fact.vendor == vendor).count() >= 5, "{vendor}");
    }
    assert!(facts().count() >= 200);
    for fact in facts() {
        assert!(!fact.source.is_empty(), "{}", fact.row);
    }
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
