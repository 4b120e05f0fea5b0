//! Streams of Cohere's chat, version 2.

use buttress_call::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    json::{count, field, filled, leading_type, object, text},
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are glanced at first.
    content: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    r#type: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    delta: Option<&'a RawValue>,
}

/// A `delta`, or a whole answer: their keys do not clash.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Delta<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    finish_reason: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Content<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    thinking: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Function<'a> {
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Spent<'a> {
    #[serde(borrow)]
    billed_units: Option<&'a RawValue>,
    tokens: Option<&'a RawValue>,
    cached_tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    output_tokens: Option<&'a RawValue>,
}

const CONTENT: &[u8] = b"content-delta";
const CALL: &[u8] = b"tool-call-delta";

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        if self.content
            && let Some(kind) = leading_type(data)
            && is_content(kind)
            && name.is_none_or(|name| name == kind)
        {
            return Event::content();
        }
        let event = parse(name, data);
        self.content |= event.content;
        event
    }
}

fn is_content(kind: &[u8]) -> bool {
    matches!(kind, CONTENT | CALL)
}

fn parse(name: Option<&[u8]>, bytes: &[u8]) -> Event {
    let Some(data) = object::<Data<'_>>(bytes) else {
        return match (name, bytes.trim_ascii()) {
            (Some(b"error"), text) => Event::failed(ApiError::inside(Dialect::Cohere, text)),
            // It comes after the end, if at all.
            (_, b"" | b"[DONE]") => Event::default(),
            _ => Event::malformed(),
        };
    };
    let kind = text(data.r#type);
    let kind = kind.as_deref().map(str::as_bytes).or(name).unwrap_or_default();
    if kind == b"error" || name == Some(b"error") || (filled(data.error) && !is_content(kind)) {
        return Event::failed(ApiError::inside(Dialect::Cohere, bytes));
    }
    let delta: Delta<'_> = field(data.delta).unwrap_or_default();
    match kind {
        CONTENT | CALL => Event { content: has_content(&delta), ..Event::default() },
        b"message-end" => Event {
            finished: true,
            end: true,
            usage: usage(delta.usage),
            error: delta.failure().map(Box::new),
            ..Event::default()
        },
        // `message-start`, `tool-plan-delta`, citations, and whatever may be added.
        _ => Event::default(),
    }
}

fn has_content(delta: &Delta<'_>) -> bool {
    let message: Message<'_> = field(delta.message).unwrap_or_default();
    let content: Content<'_> = field(message.content).unwrap_or_default();
    let call: Call<'_> = field(message.tool_calls).unwrap_or_default();
    let function: Function<'_> = field(call.function).unwrap_or_default();
    filled(content.text) || filled(content.thinking) || filled(function.arguments)
}

impl Delta<'_> {
    /// The error that a finish reason says, and the text beside it.
    fn failure(&self) -> Option<ApiError> {
        let reason = text(self.finish_reason).unwrap_or_default();
        let failed = filled(self.error) || matches!(&*reason, "ERROR" | "TIMEOUT");
        failed.then(|| match (text(self.error), self.error) {
            // A gateway's.
            (None, Some(error)) if filled(Some(error)) => {
                ApiError::inside(Dialect::Cohere, error.get().as_bytes())
            }
            (said, _) => {
                ApiError::named(Dialect::Cohere, reason.as_bytes(), said.unwrap_or_default().as_bytes())
            }
        })
    }
}

/// Reads a `usage`: what is billed, or else what was counted.
fn usage(raw: Option<&RawValue>) -> Option<Usage> {
    let spent: Spent<'_> = field(raw)?;
    let counts = |raw| -> Option<Usage> {
        let counts: Counts<'_> = field(raw)?;
        let (input, output) = (count(counts.input_tokens), count(counts.output_tokens));
        input.or(output)?;
        Some(Usage::new(input.unwrap_or(0), output.unwrap_or(0)))
    };
    let mut sum = counts(spent.billed_units).or_else(|| counts(spent.tokens))?;
    sum.cached_input = count(spent.cached_tokens).unwrap_or(0).min(sum.input);
    Some(sum)
}

/// Reads a whole answer.
pub(crate) fn answer(body: &[u8]) -> Answer {
    let whole: Delta<'_> = object(body).unwrap_or_default();
    match whole.failure() {
        Some(error) => Answer::Error(error),
        None => Answer::complete(usage(whole.usage), None),
    }
}
