//! After the first content events are only glanced at: nothing may hide from the glance, and nothing fool it.

use std::fmt::Write as _;

use buttress_wire::{Decoder, Dialect, Event};
use proptest::prelude::*;

use crate::transcripts::describe;

/// What an event is, in a stream that has had content.
fn later(dialect: Dialect, event: &str) -> Event {
    let mut decoder = Decoder::new(dialect);
    let first = match dialect {
        Dialect::OpenAi => r#"{"choices":[{"index":0,"delta":{"content":"x"}}]}"#,
        _ => r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"x"}}"#,
    };
    assert!(decoder.next(&mut format!("data: {first}\n\n").as_bytes()).unwrap().content);
    decoder.next(&mut format!("{event}\n\n").as_bytes()).unwrap()
}

fn openai(data: &str) -> String {
    describe(&later(Dialect::OpenAi, &format!("data: {data}")))
}

#[test]
fn whatever_is_not_content_is_noticed_after_content() {
    for (data, expected) in [
        (r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#, "content"),
        (r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"length"}]}"#, "content+finished"),
        (r#"{"choices":[{"index":0,"delta":{},"finish_reason" : "stop"}]}"#, "finished"),
        (r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#, "usage(1/2)+usage_only"),
        (r#"{"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#, "usage(1/2)"),
        (r#"{"choices":[],"usage":null}"#, "-"),
        (r#"{"choices":[],"prompt_filter_results":[{"a":"b"}]}"#, "-"),
        (r#"{"choices":[{"index":1,"delta":{"role":"assistant","content":""}}]}"#, "-"),
        (
            r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"error":{"code":429}}"#,
            "content+error(rate_limited)",
        ),
        (r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"error":null}"#, "content"),
        (r#"{"choices":[{"index":0,"delta":{"content":"a"}}],"error":""}"#, "content"),
        (r#"{"choices":[{"index":0,"delta":{},"error":{"code":503}}]}"#, "error(overloaded)"),
        (r#"{"object":"error","message":"no","type":"x","code":503}"#, "error(overloaded)"),
        (r#"{"error":"Model is overloaded","error_type":"overloaded"}"#, "error(overloaded)"),
        (r#"{"error":{}}"#, "error(server)"),
        ("[DONE]", "end"),
        (" [DONE] ", "end"),
        ("", "-"),
        ("{}", "-"),
        ("[]", "malformed"),
        ("null", "malformed"),
        (r#"[{"error":{"code":503}}]"#, "malformed"),
        (r#"{"choices":[{"index":0,"delta":{"content":"a"#, "malformed"),
    ] {
        assert_eq!(openai(data), expected, "{data}");
    }
}

#[test]
fn an_anthropic_event_is_what_its_type_says() {
    for (event, expected) in [
        (r#"data: {"type":"content_block_delta","delta":{"text":"error"}}"#, "content"),
        (r#"data: { "type" : "content_block_delta", "delta":{"text":"a"}}"#, "content"),
        ("event: content_block_delta\ndata: {\"delta\":{\"text\":\"a\"}}", "content"),
        (r#"data: {"delta":{"text":"a"},"type":"content_block_delta"}"#, "content"),
        (r#"data: {"delta":{"text":""},"type":"content_block_delta"}"#, "-"),
        (r#"data: {"type":"content_block_delta","delta":{"text":"a"#, "malformed"),
        (r#"data: {"type":"content_block_delta_of_another_kind"}"#, "-"),
        (r#"data: {"type":"error","error":{"type":"overloaded_error"}}"#, "error(overloaded)"),
        (r#"data: {"error":{"message":"x","type":"api_error"}}"#, "error(server)"),
        ("event: error\ndata: {\"type\":\"content_block_delta\"}", "error(server)"),
        ("event: error\ndata: upstream timed out", "error(timeout)"),
        ("event: error", "error(server)"),
        (r#"{"type":"error","error":{"type":"rate_limit_error"}}"#, "error(rate_limited)"),
        ("event: ping\ndata: {\"type\": \"ping\"}", "-"),
        (": a comment", "-"),
        (r#"data: {"type":"something_new","error":null}"#, "-"),
        (r#"data: {"type":"message_stop"}"#, "end"),
    ] {
        assert_eq!(describe(&later(Dialect::Anthropic, event)), expected, "{event}");
    }
}

#[test]
fn bare_json_is_an_error_or_malformed() {
    for (event, expected) in [
        ("{\"error\":{\"code\":503}}", "error(overloaded)"),
        ("{\n  \"error\": {\n    \"code\": 503\n  }\n}", "error(overloaded)"),
        ("{\"error\":{\"code\":503}}\ndata: [DONE]", "end+error(overloaded)"),
        ("data: [DONE]\n{\"error\":{\"code\":503}}", "end+error(overloaded)"),
        ("event: error\n{\"error\":{\"code\":503}}", "error(overloaded)"),
        ("{\"choices\":[]}", "malformed"),
        ("{ not JSON", "malformed"),
    ] {
        assert_eq!(describe(&later(Dialect::OpenAi, event)), expected, "{event}");
    }
}

/// Text that looks as much like the protocol as text can.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let pieces = [
        r#""error":{"code":500}"#,
        "\"error\"",
        "error",
        r#""finish_reason":"stop""#,
        "\"usage\"",
        "\"usageMetadata\":{\"promptTokenCount\":9}",
        "\"finishReason\"",
        "\"done\":true}",
        "\"generated_text\":\"",
        "eval_count",
        ":null",
        "data: [DONE]",
        "\n\n",
        "\r\n",
        "\\",
        "\"",
        "}",
        "{\"choices\":[]}",
        "\"index\":7",
        "event: error\n",
        "é\u{1F30A}\u{2028}",
        "a",
    ];
    proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 1..6).prop_map(|text| text.concat())
}

/// With everything but ASCII as `\uXXXX`, as many encoders write it.
pub(crate) fn escaped(json: &str) -> String {
    json.encode_utf16().fold(String::new(), |mut escaped, unit| {
        match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() => escaped.push(char::from(byte)),
            _ => write!(escaped, "\\u{unit:04x}").unwrap(),
        }
        escaped
    })
}

proptest! {
    #[test]
    fn generated_text_is_never_taken_for_protocol(text in text(), ascii in any::<bool>()) {
        let mut json = serde_json::to_string(&text).unwrap();
        if ascii {
            json = escaped(&json);
        }
        for key in ["content", "refusal", "reasoning", "reasoning_content"] {
            let choice = format!(r#"{{"index":0,"delta":{{"{key}":{json}}},"finish_reason":null}}"#);
            let data = format!(r#"{{"choices":[{choice}],"usage":null}}"#);
            prop_assert_eq!(openai(&data), "content");
        }
        let delta = format!(r#"{{"type":"text_delta","text":{json}}}"#);
        let data = format!(r#"data: {{"type":"content_block_delta","index":0,"delta":{delta}}}"#);
        prop_assert_eq!(describe(&later(Dialect::Anthropic, &data)), "content");
    }

    #[test]
    fn what_stands_beside_any_text_is_noticed(
        text in text(), finish in any::<bool>(), usage in any::<bool>(), error in any::<bool>(),
    ) {
        let json = serde_json::to_string(&text).unwrap();
        let finish_reason = if finish { r#""stop""# } else { "null" };
        let tokens = if usage { r#"{"prompt_tokens":3,"completion_tokens":4}"# } else { "null" };
        let failure = if error { r#"{"message":"no","code":503}"# } else { "null" };
        let choice = format!(r#"{{"index":0,"delta":{{"content":{json}}},"finish_reason":{finish_reason}}}"#);
        let data = format!(r#"{{"error":{failure},"choices":[{choice}],"usage":{tokens}}}"#);
        let event = later(Dialect::OpenAi, &format!("data: {data}"));
        prop_assert!(event.content && !event.malformed && !event.end);
        prop_assert_eq!(event.finished, finish);
        prop_assert_eq!(event.usage.is_some(), usage);
        prop_assert_eq!(event.error.is_some(), error);
    }
}
