//! Streams of Amazon Bedrock's Converse.

use buttress_call::{Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, Dialect, Event, EventReader, Frame,
    answer::error,
    json::{count, field, filled, object, text},
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are told by their names.
    content: bool,
    stopped: bool,
    metadata: bool,
}

/// The payload of an event, or a whole answer: their keys do not clash.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow)]
    delta: Option<&'a RawValue>,
    stop_reason: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Delta<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    reasoning_content: Option<&'a RawValue>,
    tool_use: Option<&'a RawValue>,
}

/// A `reasoningContent` or a `toolUse`.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Nested<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    redacted_content: Option<&'a RawValue>,
    input: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names are the wire's")]
struct Tokens<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    output_tokens: Option<&'a RawValue>,
    cache_read_input_tokens: Option<&'a RawValue>,
    cache_write_input_tokens: Option<&'a RawValue>,
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        let name = name.unwrap_or_default();
        if self.content && name == CONTENT && data.starts_with(b"{") && data.ends_with(b"}") {
            return Event::content();
        }
        let Some(payload) = object::<Payload<'_>>(data) else { return Event::malformed() };
        let mut event = Event::default();
        match name {
            CONTENT => event.content = has_content(&payload),
            b"messageStop" => {
                event.finished = true;
                event.stop = text(payload.stop_reason).and_then(|reason| stop(&reason));
                self.stopped = true;
            }
            b"metadata" => {
                event.usage = usage(payload.usage);
                self.metadata = true;
            }
            // `messageStart`, `contentBlockStart` and `contentBlockStop`, and what may be added.
            _ => {}
        }
        event.end = self.stopped && self.metadata && matches!(name, b"messageStop" | b"metadata");
        self.content |= event.content;
        event
    }

    /// The metadata that come after the stop are not part of the answer.
    fn finished(&self) -> bool {
        self.stopped
    }
}

const CONTENT: &[u8] = b"contentBlockDelta";

fn has_content(payload: &Payload<'_>) -> bool {
    let delta: Delta<'_> = field(payload.delta).unwrap_or_default();
    let nested = |raw| {
        let nested: Nested<'_> = field(raw).unwrap_or_default();
        filled(nested.text) || filled(nested.redacted_content) || filled(nested.input)
    };
    filled(delta.text) || nested(delta.reasoning_content) || nested(delta.tool_use)
}

/// What a stop reason says beyond "done".
fn stop(reason: &str) -> Option<Kind> {
    match reason {
        "content_filtered" | "guardrail_intervened" | "refusal" => Some(Kind::Filtered),
        "model_context_window_exceeded" => Some(Kind::ContextTooLong),
        _ => None,
    }
}

/// Reads a `usage`. What came from the cache, or went into it, is counted beside the input.
fn usage(raw: Option<&RawValue>) -> Option<Usage> {
    let tokens: Tokens<'_> = field(raw)?;
    let (input, output) = (count(tokens.input_tokens), count(tokens.output_tokens));
    input.or(output)?;
    let cached = count(tokens.cache_read_input_tokens).unwrap_or(0);
    let written = count(tokens.cache_write_input_tokens).unwrap_or(0);
    // No overflow: each count is at most 2^53.
    let mut sum = Usage::new(input.unwrap_or(0) + cached + written, output.unwrap_or(0));
    (sum.cached_input, sum.cache_write) = (cached, written);
    Some(sum)
}

/// Reads a whole answer.
pub(crate) fn answer(body: &[u8]) -> Answer {
    if let Some(error) = error(Dialect::Bedrock, body) {
        return Answer::Error(error);
    }
    let payload: Payload<'_> = object(body).unwrap_or_default();
    Answer::complete(usage(payload.usage), text(payload.stop_reason).and_then(|reason| stop(&reason)))
}
