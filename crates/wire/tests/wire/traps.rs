//! The traps that change designs: each has caught a client in the wild.

use std::time::SystemTime;

use buttress_call::{Kind, OutputCharge};
use buttress_wire::{Answer, ApiError, Decoder, Dialect, Vendor, answer, charging};
use http::StatusCode;

use crate::{
    amazon,
    errors::headers,
    transcripts::{decode, describe},
};

fn kind(dialect: Dialect, status: u16, body: &str) -> Kind {
    let status = StatusCode::from_u16(status).unwrap();
    let error =
        ApiError::from_answer(dialect, status, &headers(&[]), body.as_bytes(), SystemTime::UNIX_EPOCH);
    error.failure.kind
}

#[test]
fn done_after_an_error_does_not_make_it_a_success() {
    let mut input: &[u8] = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n\
        data: {\"error\":{\"message\":\"x\",\"type\":\"InternalServerError\",\"code\":500}}\n\n\
        data: [DONE]\n\n";
    let mut decoder = Decoder::new(Dialect::OpenAi);
    let mut said = Vec::new();
    while let Some(event) = decoder.next(&mut input) {
        said.push(describe(&event));
    }
    assert_eq!(said, ["content", "error(server)", "end"]);
    assert!(!decoder.ended());
    assert!(!decoder.close().complete);
}

#[test]
fn an_error_may_come_bare_after_a_stop() {
    let stream =
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n\
        {\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"overloaded\"\n  }\n}\n";
    let (events, close) = decode(Decoder::new(Dialect::OpenAi), [&stream[..]]);
    assert_eq!(events.iter().map(describe).collect::<Vec<_>>(), ["content+finished", "error(overloaded)"]);
    assert!(!close.complete);
}

#[test]
fn a_stream_that_ends_early_is_not_a_normal_end() {
    for (dialect, stream) in [
        (Dialect::OpenAi, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n"),
        (Dialect::OpenAi, ""),
        (Dialect::OpenAi, ": keep-alive\n\n"),
        (Dialect::Anthropic, "data: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"a\"}}\n\n"),
        (
            Dialect::Anthropic,
            "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"}}\n\n",
        ),
        (Dialect::Anthropic, ""),
    ] {
        let (_, close) = decode(Decoder::new(dialect), [stream.as_bytes()]);
        assert!(!close.complete, "{stream}");
    }
}

#[test]
fn an_error_event_may_be_flat_or_nested() {
    for data in [
        r#"{"type":"error","code":"server_is_overloaded","message":"Busy","param":null,"sequence_number":2}"#,
        r#"{"type":"error","sequence_number":2,"error":{"type":"service_unavailable_error","code":"server_is_overloaded","message":"Busy","param":null}}"#,
    ] {
        let stream = format!("event: error\ndata: {data}\n\n");
        let (events, _) = decode(Decoder::new(Dialect::OpenAi), [stream.as_bytes()]);
        let error = events[0].error.as_ref().unwrap();
        assert_eq!(
            (error.failure.kind, error.code.as_deref()),
            (Kind::Overloaded, Some("server_is_overloaded"))
        );
        assert_eq!(&*error.message, "Busy");
    }
}

#[test]
fn a_429_may_be_about_money() {
    let openai = r#"{"error":{"message":"m","type":"insufficient_quota","param":null,"code":"credit_balance_exhausted"}}"#;
    assert_eq!(kind(Dialect::OpenAi, 429, openai), Kind::Quota);
    let anthropic = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m","details":{"error_code":"enforced_spend_limit_reached"}}}"#;
    assert_eq!(kind(Dialect::Anthropic, 429, anthropic), Kind::Quota);
    let groq = r#"{"error":{"message":"Rate limit reached on tokens per day (TPD): Limit 100000","type":"tokens","code":"rate_limit_exceeded"}}"#;
    assert_eq!(kind(Dialect::OpenAi, 429, groq), Kind::Quota);
}

#[test]
fn status_498_in_the_openai_dialect_is_a_lack_of_capacity() {
    assert_eq!(kind(Dialect::OpenAi, 498, ""), Kind::Overloaded);
}

#[test]
fn a_prompt_too_long_may_come_as_403_or_413() {
    let together = r#"{"error":{"message":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4097"}}"#;
    assert_eq!(kind(Dialect::OpenAi, 403, together), Kind::ContextTooLong);
    assert_eq!(kind(Dialect::OpenAi, 403, r#"{"error":{"message":"forbidden"}}"#), Kind::Auth);
    let groq = r#"{"error":{"message":"on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}}"#;
    assert_eq!(kind(Dialect::OpenAi, 413, groq), Kind::ContextTooLong);
}

#[test]
fn openai_reserves_the_output_cap_and_anthropic_does_not() {
    let openai = charging(Dialect::OpenAi);
    assert_eq!(openai.output, OutputCharge::ReservedAndSettled);
    assert!(openai.failed_requests_count && !openai.split);
    let anthropic = charging(Dialect::Anthropic);
    assert_eq!(anthropic.output, OutputCharge::AsStreamed);
    assert!(anthropic.split && !anthropic.failed_requests_count);
}

#[test]
fn vendors_charge_output_in_four_ways_and_some_do_not_count_cached_input() {
    use OutputCharge::{AsStreamed, Free, ReservedAndKept, ReservedAndSettled};
    for (vendor, output, cached_input_free) in [
        (Vendor::OpenAi, ReservedAndSettled, false),
        (Vendor::Azure, ReservedAndKept, false),
        (Vendor::Groq, ReservedAndSettled, true),
        (Vendor::Bedrock, ReservedAndSettled, true),
        (Vendor::Anthropic, AsStreamed, true),
        (Vendor::Fireworks, AsStreamed, true),
        (Vendor::Gemini, Free, false),
        (Vendor::Mistral, AsStreamed, false),
    ] {
        let charging = charging(vendor);
        assert_eq!((charging.output, charging.cached_input_free), (output, cached_input_free), "{vendor}");
        let split = matches!(vendor, Vendor::Anthropic | Vendor::Fireworks);
        assert_eq!(charging.split, split, "{vendor}");
    }
}

#[test]
fn a_whole_200_may_hold_an_error_too() {
    let body = br#"{"id":"x","choices":[],"error":{"code":429,"message":"m","metadata":{"error_type":"rate_limit_exceeded"}}}"#;
    let Answer::Error(error) = answer(Dialect::OpenAi, body) else { panic!("an error") };
    assert_eq!(error.failure.kind, Kind::RateLimited);
}

#[test]
fn a_last_event_that_repeats_the_whole_answer_ends_it_however_long() {
    let answer = "x".repeat(5000);
    let stream = format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"delta\":\"a\"}}\n\n\
         event: response.completed\ndata: {{\"type\":\"response.completed\",\"response\":{{\"output\":\"{answer}\"}}}}\n\n"
    );
    for cut in [1, 150, 1600, stream.len() - 1] {
        let (first, second) = stream.as_bytes().split_at(cut);
        let (events, close) = decode(Decoder::new(Dialect::Responses).max_event(1500), [first, second]);
        let said: Vec<_> = events.iter().map(describe).collect();
        assert_eq!(said, ["content", "finished+too_long+end", "-"], "cut at {cut}");
        assert!(close.complete);
    }
    let stream = format!("event: response.failed\ndata: {{\"response\":{{\"output\":\"{answer}\"}}}}\n\n");
    let decoder = Decoder::new(Dialect::Responses).max_event(1500);
    assert!(!decode(decoder, [stream.as_bytes()]).1.complete, "that it failed says its name");
}

#[test]
fn after_a_length_that_cannot_be_nothing_is_believed() {
    let good = amazon::message(&[(":message-type", "event"), (":event-type", "messageStop")], b"{}");
    for (headers, payload, what) in [(200 << 10, 0, "headers"), (0, 25 << 20, "payload")] {
        let long = amazon::raw(&vec![0; headers], &vec![0; payload]);
        let (events, close) = decode(Decoder::new(Dialect::Bedrock), [&long[..], &good]);
        let said: Vec<_> = events.iter().map(describe).collect();
        assert_eq!(said, ["malformed+error(broken)"], "{what}");
        assert!(!close.complete);
    }
    // Within Amazon's limits but above ours: it is skipped.
    let long = amazon::message(&[(":message-type", "event")], &vec![0; 2 << 20]);
    let (events, close) = decode(Decoder::new(Dialect::Bedrock), [&long[..], &good]);
    assert_eq!(events.iter().map(describe).collect::<Vec<_>>(), ["too_long", "-", "finished"]);
    assert!(close.complete);
}

#[test]
fn a_stream_may_be_whole_before_its_end_and_is_not_any_more_after_an_error() {
    let mut decoder = Decoder::new(Dialect::Gemini);
    let chunk = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}"#;
    decoder.next(&mut format!("data: {chunk}\n\n").as_bytes()).unwrap();
    assert!(decoder.complete() && !decoder.ended());
    decoder.next(&mut &b"{\"error\":{\"code\":503}}\n\n"[..]).unwrap();
    assert!(!decoder.complete() && !decoder.close().complete);
}

#[test]
fn images_audio_and_a_last_event_that_repeats_the_answer_are_told_by_their_first_bytes() {
    let long = "A".repeat(3000);
    for (dialect, beginning, expected) in [
        (
            Dialect::OpenAi,
            r#"data: {"choices":[{"index":0,"delta":{"images":[{"image_url":{"url":"data:image/png;base64,"#,
            "content+too_long",
        ),
        (Dialect::OpenAi, r#"data: {"prompt_filter_results":[{""#, "too_long"),
        (
            Dialect::OpenAi,
            r#"data: {"choices":[{"index":0,"delta":{"audio":{"id":"a","data":""#,
            "content+too_long",
        ),
        // Padding, and text that no model writes at once, are no content.
        (
            Dialect::OpenAi,
            r#"data: {"choices":[{"index":0,"delta":{"content":""}}],"obfuscation":""#,
            "too_long",
        ),
        (Dialect::OpenAi, r#"data: {"choices":[{"index":0,"delta":{"content":"\"images\":[{"#, "too_long"),
        (Dialect::Anthropic, r#"data: {"type":"content_block_delta","delta":{"text":""#, "too_long"),
        (
            Dialect::Responses,
            "event: response.image_generation_call.partial_image\ndata: {\"partial_image_b64\":\"",
            "content+too_long",
        ),
        (
            Dialect::Responses,
            r#"data: {"type":"response.completed","response":{"id":""#,
            "finished+too_long+end",
        ),
        (
            Dialect::Gemini,
            r#"data: {"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":""#,
            "content+too_long",
        ),
        (
            Dialect::Gemini,
            r#"[{"candidates":[{"content":{"parts":[{"inlineData":{"data":""#,
            "content+too_long",
        ),
        (Dialect::Gemini, r#"data: {"candidates":[{"content":{"parts":[{"text":""#, "too_long"),
        (Dialect::Gemini, r#"data: {"error":{"message":""#, "too_long"),
        (
            Dialect::Ollama,
            r#"{"model":"m","response":"","done":true,"context":[1,2,3],"x":""#,
            "finished+too_long+end",
        ),
        (Dialect::Ollama, r#"{"model":"m","response":""#, "too_long"),
    ] {
        for cut in [1, beginning.len(), beginning.len() + 900] {
            let stream = format!("{beginning}{long}");
            let (first, second) = stream.as_bytes().split_at(cut);
            let (events, _) = decode(Decoder::new(dialect).max_event(2000), [first, second]);
            assert_eq!(events.iter().map(describe).collect::<Vec<_>>(), [expected], "{beginning}");
        }
    }
}

#[test]
fn blanks_before_the_first_event_are_the_same_however_they_are_split() {
    for blanks in [" ", "\n", " \n", "\r\n \t"] {
        for start in ["[{\"candidates\":[]}]", "data: {\"candidates\":[]}\n\n"] {
            let stream = blanks.repeat(60) + start;
            let decoder = || Decoder::new(Dialect::Gemini).max_event(40);
            let (whole, _) = decode(decoder(), [stream.as_bytes()]);
            let (split, _) = decode(decoder(), stream.as_bytes().chunks(1));
            assert_eq!(split, whole, "{stream:?}");
        }
    }
}
