//! Streams of Anthropic Messages.

use buttress_call::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    json::{field, filled, has_leading_type, object, text},
    usage,
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    usage: usage::Anthropic,
    /// Content was seen: from here on events are glanced at first.
    content: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    content_block: Option<&'a RawValue>,
    delta: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

/// A `delta`, a `content_block` or a `message`: their keys do not clash.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Part<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    thinking: Option<&'a RawValue>,
    partial_json: Option<&'a RawValue>,
    stop_reason: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        // Everything in this dialect says its type, and servers put it first. One that does not is parsed.
        let ordinary = || name.is_none_or(|name| name == CONTENT) && has_leading_type(data, CONTENT);
        if self.content && ordinary() {
            return Event::content();
        }
        let event = self.parse(name, data);
        self.content |= event.content;
        event
    }
}

impl Reader {
    pub(crate) fn has_content(&self) -> bool {
        self.content
    }

    fn parse(&mut self, name: Option<&[u8]>, bytes: &[u8]) -> Event {
        let Some(data) = object::<Data<'_>>(bytes) else {
            return match (name, bytes.trim_ascii()) {
                (Some(b"error"), text) => Self::failed(text),
                // Gateways end the streams of every dialect alike.
                (_, b"" | b"[DONE]") => Event::default(),
                _ => Event::malformed(),
            };
        };
        let kind = text(data.r#type);
        let kind = kind.as_deref().map(str::as_bytes).or(name).unwrap_or_default();
        if kind == b"error" || name == Some(b"error") || (filled(data.error) && kind != CONTENT) {
            return Self::failed(bytes);
        }
        let mut event = Event::default();
        match kind {
            b"message_start" => {
                let message: Part<'_> = field(data.message).unwrap_or_default();
                event.usage = self.usage.merge(message.usage);
            }
            b"content_block_start" | CONTENT => {
                let part: Part<'_> = field(data.delta.or(data.content_block)).unwrap_or_default();
                event.content = filled(part.text) || filled(part.thinking) || filled(part.partial_json);
            }
            b"message_delta" => {
                let delta: Part<'_> = field(data.delta).unwrap_or_default();
                let reason = text(delta.stop_reason);
                event.finished = reason.is_some();
                event.stop = reason.and_then(|reason| stop(&reason));
                event.usage = self.usage.merge(data.usage);
            }
            b"message_stop" => event.end = true,
            // `ping`, `content_block_stop`, and whatever may be added: new types are to be ignored.
            _ => {}
        }
        event
    }

    fn failed(data: &[u8]) -> Event {
        Event::failed(ApiError::inside(Dialect::Anthropic, data))
    }
}

pub(crate) const CONTENT: &[u8] = b"content_block_delta";

/// What a stop reason says beyond "done".
fn stop(reason: &str) -> Option<Kind> {
    match reason {
        "refusal" => Some(Kind::Filtered),
        "model_context_window_exceeded" => Some(Kind::ContextTooLong),
        _ => None,
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    stop_reason: Option<&'a RawValue>,
}

/// Reads a whole answer.
pub(crate) fn answer(body: &[u8]) -> Answer {
    let message: Message<'_> = object(body).unwrap_or_default();
    if filled(message.error) || text(message.r#type).as_deref() == Some("error") {
        return Answer::Error(ApiError::inside(Dialect::Anthropic, body));
    }
    let stop = text(message.stop_reason).and_then(|reason| stop(&reason));
    Answer::complete(usage::Anthropic::default().merge(message.usage), stop)
}
