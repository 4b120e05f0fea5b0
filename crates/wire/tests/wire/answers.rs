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
        for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
            assert_eq!(complete(dialect, body), (None, None), "{body}");
        }
    }
    let embeddings =
        r#"{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":8,"total_tokens":8}}"#;
    assert_eq!(complete(Dialect::OpenAi, embeddings).0, Some(Usage::new(8, 0)));
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
fn an_error_is_found_in_either_dialect() {
    let body = br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    for dialect in [Dialect::OpenAi, Dialect::Anthropic] {
        let Answer::Error(error) = answer(dialect, body) else { panic!("an error") };
        assert_eq!(error.failure.kind, Kind::Overloaded);
    }
}
