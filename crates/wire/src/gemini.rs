//! Streams of Google's `generateContent`.

mod glance;
mod usage;

use buttress_call::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    choices::Choices,
    json::{count, each, field, filled, object, text},
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are glanced at first.
    content: bool,
    choices: Choices,
}

/// A chunk of a stream, or a whole answer: they are alike.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    candidates: Option<&'a RawValue>,
    prompt_feedback: Option<&'a RawValue>,
    usage_metadata: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow)]
    index: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
    finish_reason: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    parts: Option<&'a RawValue>,
}

/// A part with `thought: true` is reasoning, and content as well.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    function_call: Option<&'a RawValue>,
    inline_data: Option<&'a RawValue>,
    executable_code: Option<&'a RawValue>,
    code_execution_result: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PromptFeedback<'a> {
    #[serde(borrow)]
    block_reason: Option<&'a RawValue>,
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        if self.content
            && name.is_none()
            && let Some(event) = glance::ordinary(data)
        {
            // Ordinary means candidate 0, which needs a finish reason from here on.
            self.choices.see(None, false);
            return event;
        }
        let Some(chunk) = object::<Chunk<'_>>(data) else {
            return match data.trim_ascii() {
                text if name == Some(b"error") => Event::failed(ApiError::inside(Dialect::Gemini, text)),
                // Gateways end the streams of every dialect alike.
                b"" | b"[DONE]" => Event::default(),
                _ => Event::malformed(),
            };
        };
        let event = self.chunk(&chunk, data);
        self.content |= event.content;
        event
    }

    /// Images and audio may be longer than any limit.
    fn read_head(&self, Frame { data, .. }: Frame<'_>) -> Event {
        Event { content: glance::begins_media(data), ..Event::default() }
    }

    /// There is no end marker: the last chunk has a finish reason, and then the body ends. An error may still follow.
    fn finished(&self) -> bool {
        self.choices.finished()
    }
}

impl Reader {
    fn chunk(&mut self, chunk: &Chunk<'_>, data: &[u8]) -> Event {
        let mut event = Event { usage: usage::read(chunk.usage_metadata), ..Event::default() };
        if filled(chunk.error) {
            event.error = Some(Box::new(ApiError::inside(Dialect::Gemini, data)));
        }
        each(chunk.candidates, |candidate| {
            let candidate: Candidate<'_> = field(Some(candidate)).unwrap_or_default();
            let content: Content<'_> = field(candidate.content).unwrap_or_default();
            each(content.parts, |part| event.content |= field(Some(part)).is_some_and(|part| says(&part)));
            let reason = text(candidate.finish_reason).filter(|reason| reason != "FINISH_REASON_UNSPECIFIED");
            event.finished |= reason.is_some();
            event.stop = event.stop.or(reason.as_deref().and_then(stop));
            self.choices.see(count(candidate.index), reason.is_some());
        });
        let feedback: PromptFeedback<'_> = field(chunk.prompt_feedback).unwrap_or_default();
        if text(feedback.block_reason).is_some_and(|reason| reason != "BLOCK_REASON_UNSPECIFIED") {
            // The prompt was blocked: no candidate will come.
            self.choices.see(None, true);
            event.finished = true;
            event.stop = Some(Kind::Filtered);
        }
        event
    }
}

fn says(part: &Part<'_>) -> bool {
    [part.text, part.function_call, part.inline_data, part.executable_code, part.code_execution_result]
        .into_iter()
        .any(filled)
}

/// What a finish reason says beyond "done".
fn stop(reason: &str) -> Option<Kind> {
    let filtered = matches!(
        reason,
        "SAFETY"
            | "RECITATION"
            | "BLOCKLIST"
            | "PROHIBITED_CONTENT"
            | "SPII"
            | "MODEL_ARMOR"
            | "IMAGE_SAFETY"
    );
    filtered.then_some(Kind::Filtered)
}

/// Reads a whole answer: one chunk, or all chunks of a stream as an array.
pub(crate) fn answer(body: &[u8]) -> Answer {
    let mut reader = Reader::default();
    let mut whole = Event::default();
    let mut add = |data: &[u8]| {
        let event = reader.read(Frame::new(None, data));
        whole.usage = event.usage.or(whole.usage);
        whole.stop = event.stop.or(whole.stop);
        whole.error = whole.error.take().or(event.error);
    };
    if body.starts_with(b"[") {
        each(serde_json::from_slice(body).ok(), |chunk| add(chunk.get().as_bytes()));
    } else {
        add(body);
    }
    match whole.error {
        Some(error) => Answer::Error(*error),
        None => Answer::complete(whole.usage, whole.stop),
    }
}
