//! Whole streams, and what each of their events says.

use std::fmt::Write as _;

use buttress_wire::{Close, Decoder, Dialect, Event};

pub(crate) struct Transcript {
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) bytes: &'static [u8],
    /// What [`describe`] says of the events, in turn.
    events: &'static str,
    complete: bool,
}

macro_rules! transcripts {
    ($($dialect:ident $name:literal $complete:literal $events:literal)*) => {
        pub(crate) const ALL: &[Transcript] = &[$(Transcript {
            name: $name,
            dialect: Dialect::$dialect,
            bytes: include_bytes!(concat!("../transcripts/", $name, ".sse")),
            events: $events,
            complete: $complete,
        }),*];
    };
}

transcripts! {
    OpenAi "openai/text" true "- content content finished usage(19/10)+usage_only end"
    OpenAi "openai/tool_call" true "content content content content finished end"
    OpenAi "openai/reasoning_with_keep_alives" true "- - - - content content finished+usage(12/9) end"
    OpenAi "openai/refusal" true "- content content finished end"
    OpenAi "openai/azure" true "- - content content finished usage(8/5)+usage_only end"
    OpenAi "openai/audio" true "- - content finished end"
    OpenAi "openai/legacy_completion" true "content content finished end"
    OpenAi "openai/empty_answer" true "- finished end"
    OpenAi "openai/content_filter" true "- content finished+stop(filtered) end"
    OpenAi "openai/openrouter_text" true "- - content content finished usage(7/3)+usage_only end"
    OpenAi "openai/groq_usage" true "- content finished+usage(40/2) end"
    OpenAi "openai/continuous_usage" true
        "usage(5/0) content+usage(5/1) content+usage(5/2) finished usage(5/2)+usage_only end"
    OpenAi "openai/spaced_keys_and_multi_line_data" true "- content content content finished end"
    OpenAi "openai/no_last_blank_line" true "- content finished end"
    OpenAi "openai/no_done" true "- content finished"
    OpenAi "openai/text_that_quotes_the_protocol" true
        "- content content content content content content content content content finished end"
    OpenAi "openai/malformed_between" true "- content malformed malformed content finished end"
    OpenAi "openai/error_first" false "error(server)"
    OpenAi "openai/error_after_content" false "- content error(server)"
    OpenAi "openai/vllm_error_then_done" false "- content error(server) end"
    OpenAi "openai/openrouter_error" false "- - finished+error(overloaded)"
    OpenAi "openai/groq_error" false "- content error(overloaded) end"
    OpenAi "openai/mistral_finish_error" false "- content finished+error(server) end"
    OpenAi "openai/event_error" false "error(overloaded)"
    OpenAi "openai/stop_then_bare_error" false "- content finished error(overloaded)"
    OpenAi "openai/bare_error_first" false "error(rate_limited, retry after 4.77s)"
    OpenAi "openai/cut" false "- content malformed"
    OpenAi "openai/cut_between_events" false "- content content"
    OpenAi "openai/two_choices_one_unfinished" false "- - content content finished"
    Anthropic "anthropic/text" true "usage(25/1) - - content content - finished+usage(25/15) end"
    Anthropic "anthropic/cached_prompt" true
        "usage(2104/1) - content - - finished+usage(2104/7) end"
    Anthropic "anthropic/tool_use" true "usage(25/1) - - content content - finished+usage(25/30) end"
    Anthropic "anthropic/thinking" true
        "usage(25/1) - content content - - content - finished+usage(25/20) end"
    Anthropic "anthropic/data_only_spaced" true "usage(25/1) - content content - finished+usage(25/3) end -"
    Anthropic "anthropic/text_that_quotes_the_protocol" true
        "usage(25/1) - content content content content content - finished+usage(25/40) end"
    Anthropic "anthropic/refusal" true "usage(25/1) - content - finished+stop(filtered)+usage(25/2) end"
    Anthropic "anthropic/window_exceeded" true
        "usage(25/1) - content - finished+stop(context_too_long)+usage(25/900) end"
    Anthropic "anthropic/error_first" false "- error(overloaded)"
    Anthropic "anthropic/error_after_content" false "usage(25/1) - content error(server)"
    Anthropic "anthropic/error_then_message_stop" false "usage(25/1) - content error(overloaded) end"
    Anthropic "anthropic/cut" false "usage(25/1) - content content malformed"
    Anthropic "anthropic/cut_after_stop_reason" false "usage(25/1) - content - finished+usage(25/5)"
}

/// An event in words.
pub(crate) fn describe(event: &Event) -> String {
    let mut words = Vec::new();
    let mut flag = |is: bool, word: &str| is.then(|| words.push(word.to_owned()));
    flag(event.content, "content");
    flag(event.finished, "finished");
    flag(event.malformed, "malformed");
    flag(event.too_long, "too_long");
    words.extend(event.stop.map(|kind| format!("stop({kind})")));
    words.extend(event.usage.map(|usage| format!("usage({}/{})", usage.input, usage.output)));
    let mut flag = |is: bool, word: &str| is.then(|| words.push(word.to_owned()));
    flag(event.usage_only, "usage_only");
    flag(event.end, "end");
    words.extend(event.error.as_ref().map(|error| format!("error({})", error.failure)));
    if words.is_empty() { "-".to_owned() } else { words.join("+") }
}

/// Everything that a decoder says of a stream that comes in these pieces.
pub(crate) fn decode<'a>(
    mut decoder: Decoder,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Event>, Close) {
    let mut events = Vec::new();
    for mut piece in pieces {
        while let Some(event) = decoder.next(&mut piece) {
            events.push(event);
        }
        assert!(piece.is_empty(), "a decoder that wants more has taken all");
    }
    let mut close = decoder.close();
    events.extend(close.event.take());
    (events, close)
}

#[test]
fn every_transcript_says_what_it_should() {
    for transcript in ALL {
        let (events, close) = decode(Decoder::new(transcript.dialect), [transcript.bytes]);
        let said = events.iter().fold(String::new(), |mut said, event| {
            let _ = write!(said, "{} ", describe(event));
            said
        });
        assert_eq!(said.trim_end(), transcript.events, "{}", transcript.name);
        assert_eq!(close.complete, transcript.complete, "{}", transcript.name);
    }
}

#[test]
fn the_details_of_usage_survive() {
    let transcript = ALL.iter().find(|transcript| transcript.name == "openai/text").unwrap();
    let (events, _) = decode(Decoder::new(transcript.dialect), [transcript.bytes]);
    let usage = events.iter().find_map(|event| event.usage).unwrap();
    assert_eq!((usage.cached_input, usage.reasoning), (16, 4));

    let transcript = ALL.iter().find(|transcript| transcript.name == "anthropic/cached_prompt").unwrap();
    let (events, _) = decode(Decoder::new(transcript.dialect), [transcript.bytes]);
    let usage = events.iter().rev().find_map(|event| event.usage).unwrap();
    assert_eq!((usage.cached_input, usage.cache_write), (2000, 100));
}

#[test]
fn an_event_can_be_cut_out_by_its_position() {
    let transcript = ALL.iter().find(|transcript| transcript.name == "openai/text").unwrap();
    let mut decoder = Decoder::new(transcript.dialect);
    let mut input = transcript.bytes;
    let mut passed_on = Vec::new();
    loop {
        let start = decoder.position() as usize;
        let Some(event) = decoder.next(&mut input) else { break };
        let end = decoder.position() as usize;
        if !event.usage_only {
            passed_on.extend_from_slice(&transcript.bytes[start..end]);
        }
    }
    assert_eq!(decoder.position() as usize, transcript.bytes.len());
    let (events, close) = decode(Decoder::new(transcript.dialect), [&passed_on[..]]);
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|event| event.usage.is_none()));
    assert!(close.complete);
}
