//! Whole streams, and what each of their events says.

mod table;

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use buttress_wire::{Close, Decoder, Dialect, Event};

pub(crate) use table::ALL;

pub(crate) struct Transcript {
    /// Its folder and file, without the file's extension.
    pub(crate) name: &'static str,
    pub(crate) dialect: Dialect,
    pub(crate) bytes: Vec<u8>,
    /// Its lines may end in anything: it has lines, and none inside an event's text.
    pub(crate) has_lines: bool,
    /// What [`describe`] says of the events, in turn.
    events: &'static str,
    complete: bool,
}

/// The transcript of that name.
pub(crate) fn named(name: &str) -> &'static Transcript {
    ALL.iter().find(|transcript| transcript.name == name).unwrap()
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
    for transcript in ALL.iter() {
        let (events, close) = decode(Decoder::new(transcript.dialect), [&transcript.bytes[..]]);
        let said = events.iter().fold(String::new(), |mut said, event| {
            let _ = write!(said, "{} ", describe(event));
            said
        });
        assert_eq!(said.trim_end(), transcript.events, "{}", transcript.name);
        assert_eq!(close.complete, transcript.complete, "{}", transcript.name);
    }
}

#[test]
fn no_transcript_is_left_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut found = BTreeSet::new();
    for dialect in
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        for file in fs::read_dir(dialect).unwrap().map(|entry| entry.unwrap().path()) {
            found.insert(file.strip_prefix(&folder).unwrap().with_extension("").to_str().unwrap().to_owned());
        }
    }
    let known: BTreeSet<_> = ALL.iter().map(|transcript| transcript.name.to_owned()).collect();
    assert_eq!(found, known);
}

#[test]
fn the_details_of_usage_survive() {
    for (name, cached, written, reasoning) in [
        ("openai/text", 16, 0, 4),
        ("openai/deepseek", 8, 0, 7),
        ("responses/text", 16, 0, 64),
        ("anthropic/cached_prompt", 2000, 100, 0),
        ("gemini/thinking", 6, 0, 25),
        ("bedrock/cached_prompt", 1000, 100, 0),
        ("bedrock_invoke/anthropic", 90, 0, 0),
        ("cohere/text", 4, 0, 0),
    ] {
        let transcript = named(name);
        let (events, _) = decode(Decoder::new(transcript.dialect), [&transcript.bytes[..]]);
        let usage = events.iter().rev().find_map(|event| event.usage).unwrap();
        assert_eq!(
            (usage.cached_input, usage.cache_write, usage.reasoning),
            (cached, written, reasoning),
            "{name}"
        );
    }
}

#[test]
fn an_event_can_be_cut_out_by_its_position() {
    let transcript = named("openai/text");
    let mut decoder = Decoder::new(transcript.dialect);
    let mut input = &transcript.bytes[..];
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
