//! Whole answers.

use buttress_call::{Kind, Usage};
use buttress_wire::{Answer, Dialect, answer};

fn complete(dialect: Dialect, body: &str) -> (Option<Usage>, Option<Kind>) {
    match answer(dialect, body.as_bytes()) {
        Answer::Complete { usage, stop, .. } => (usage, stop),
        other => panic!("{body} is {other:?}"),
    }
}

#[test]
fn a_completion_tells_its_usage() {
    let body = r#"{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",
        "content":"the \"error\": none"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#;
    assert_eq!(complete(Dialect::OpenAi, body), (Some(Usage::new(9, 12)), None));

    let body = r#"{"id":"msg_1","type":"message","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":3}}"#;
    let (usage, stop) = complete(Dialect::Anthropic, body);
    assert_eq!(
        (usage.unwrap().input, usage.unwrap().cached_input, usage.unwrap().output, stop),
        (15, 5, 3, None)
    );
}

#[test]
fn any_json_without_an_error_is_complete() {
    for body in
        [r#"{"object":"list","data":[]}"#, "[]", "[1,2]", "null", r#""text""#, "{}", r#"{"error":null}"#]
    {
        for dialect in Dialect::ALL {
            assert_eq!(complete(dialect, body), (None, None), "{body}");
        }
    }
    let embeddings =
        r#"{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    assert_eq!(complete(Dialect::OpenAi, embeddings).0, Some(Usage::new(8, 0)));
}

#[test]
fn every_dialect_tells_its_usage_and_its_stop() {
    let usage = |input, output, cached_input, cache_write, reasoning| {
        let mut usage = Usage::new(input, output);
        (usage.cached_input, usage.cache_write, usage.reasoning) = (cached_input, cache_write, reasoning);
        Some(usage)
    };
    for (dialect, body, expected) in [
        (
            Dialect::Responses,
            r#"{"object":"response","status":"completed","error":null,"output":[],
                "usage":{"input_tokens":36,"input_tokens_details":{"cached_tokens":16},"output_tokens":87,
                "output_tokens_details":{"reasoning_tokens":64},"total_tokens":123}}"#,
            (usage(36, 87, 16, 0, 64), None),
        ),
        (
            Dialect::Responses,
            r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"usage":null}"#,
            (None, Some(Kind::Filtered)),
        ),
        (
            Dialect::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],
                "usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"thoughtsTokenCount":25,"totalTokenCount":36}}"#,
            (usage(8, 28, 0, 0, 25), None),
        ),
        (
            Dialect::Gemini,
            r#"[{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"usageMetadata":{"promptTokenCount":8}},
                {"candidates":[{"finishReason":"SAFETY"}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":2}}]"#,
            (usage(8, 2, 0, 0, 0), Some(Kind::Filtered)),
        ),
        (Dialect::Gemini, r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#, (None, Some(Kind::Filtered))),
        (
            Dialect::Bedrock,
            r#"{"output":{"message":{"role":"assistant","content":[{"text":"Hi"}]}},"stopReason":"guardrail_intervened",
                "usage":{"inputTokens":10,"outputTokens":5,"totalTokens":15,"cacheReadInputTokens":90},"metrics":{"latencyMs":1}}"#,
            (usage(100, 5, 90, 0, 0), Some(Kind::Filtered)),
        ),
        (
            Dialect::BedrockInvoke,
            r#"{"type":"message","content":[],"stop_reason":"refusal","usage":{"input_tokens":10,"output_tokens":5}}"#,
            (usage(10, 5, 0, 0, 0), Some(Kind::Filtered)),
        ),
        (
            Dialect::BedrockInvoke,
            r#"{"choices":[{"index":0,"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5}}"#,
            (usage(10, 5, 0, 0, 0), None),
        ),
        (
            Dialect::BedrockInvoke,
            r#"{"output":{"message":{}},"stopReason":"end_turn","usage":{"inputTokens":10,"outputTokens":5}}"#,
            (usage(10, 5, 0, 0, 0), None),
        ),
        (
            Dialect::BedrockInvoke,
            r#"{"generation":"Hi","prompt_token_count":10,"generation_token_count":5,"stop_reason":"stop"}"#,
            (usage(10, 5, 0, 0, 0), None),
        ),
        (
            Dialect::Cohere,
            r#"{"id":"x","message":{"role":"assistant","content":[]},"finish_reason":"COMPLETE",
                "usage":{"billed_units":{"input_tokens":9,"output_tokens":12.0},"tokens":{"input_tokens":75,"output_tokens":12}}}"#,
            (usage(9, 12, 0, 0, 0), None),
        ),
        (
            Dialect::Cohere,
            r#"{"finish_reason":"COMPLETE","usage":{"tokens":{"input_tokens":75,"output_tokens":12},"cached_tokens":4}}"#,
            (usage(75, 12, 4, 0, 0), None),
        ),
        (
            Dialect::Ollama,
            r#"{"model":"m","message":{"content":"Hi"},"done":true,"prompt_eval_count":26,"eval_count":5}"#,
            (usage(26, 5, 0, 0, 0), None),
        ),
        (
            Dialect::Tgi,
            r#"{"generated_text":"Hi","details":{"finish_reason":"length","generated_tokens":5}}"#,
            (usage(0, 5, 0, 0, 0), None),
        ),
        (Dialect::Tgi, r#"[{"generated_text":"Hi"}]"#, (None, None)),
    ] {
        assert_eq!(complete(dialect, body), expected, "{body}");
    }
}

#[test]
fn every_dialect_has_its_own_way_to_fail_with_a_200() {
    for (dialect, body, kind) in [
        (
            Dialect::Responses,
            r#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"x"}}"#,
            Kind::RateLimited,
        ),
        (Dialect::Responses, r#"{"status":"failed","error":null}"#, Kind::Server),
        (Dialect::Gemini, r#"[{"error":{"code":503,"status":"UNAVAILABLE"}}]"#, Kind::Overloaded),
        (Dialect::Cohere, r#"{"finish_reason":"TIMEOUT","message":{}}"#, Kind::Timeout),
        (Dialect::Cohere, r#"{"finish_reason":"ERROR","error":"the model is overloaded"}"#, Kind::Overloaded),
        (Dialect::Ollama, r#"{"error":"model runner has stopped"}"#, Kind::Server),
        (Dialect::Tgi, r#"[{"error":"Model is overloaded","error_type":"overloaded"}]"#, Kind::Overloaded),
    ] {
        let Answer::Error(error) = answer(dialect, body.as_bytes()) else { panic!("{body}") };
        assert_eq!(error.failure.kind, kind, "{body}");
    }
}

#[test]
fn blank_lines_in_front_are_keep_alives() {
    assert_eq!(complete(Dialect::OpenAi, "\n\n\r\n  \n{\"choices\":[]}\n"), (None, None));
}

#[test]
fn what_is_empty_cut_or_no_json_is_broken_and_says_which() {
    for (body, why) in [
        ("", "empty body"),
        ("\n\n", "empty body"),
        (r#"{"choices":[{"index":0"#, "JSON cut short"),
        ("<html>", "not JSON"),
        ("{}{}", "not JSON"),
    ] {
        assert_eq!(answer(Dialect::OpenAi, body.as_bytes()), Answer::Broken(why), "{body:?}");
    }
}

#[test]
fn a_finish_reason_may_be_an_error_or_say_more_than_done() {
    let body = |reason| {
        format!(r#"{{"choices":[{{"index":0,"message":{{"content":""}},"finish_reason":"{reason}"}}]}}"#)
    };
    assert!(matches!(answer(Dialect::OpenAi, body("error").as_bytes()), Answer::Error(_)));
    assert_eq!(complete(Dialect::OpenAi, &body("content_filter")).1, Some(Kind::Filtered));
    assert_eq!(complete(Dialect::OpenAi, &body("length")).1, None);
    let refusal = r#"{"type":"message","stop_reason":"refusal"}"#;
    assert_eq!(complete(Dialect::Anthropic, refusal).1, Some(Kind::Filtered));
}

#[test]
fn an_error_is_found_in_every_dialect() {
    let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    for dialect in Dialect::ALL {
        let Answer::Error(error) = answer(dialect, body) else { panic!("an error") };
        assert_eq!(error.failure.kind, Kind::Overloaded);
    }
}
