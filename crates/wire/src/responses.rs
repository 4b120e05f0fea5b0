//! Streams of OpenAI Responses.

use buttress_call::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    details::Details,
    json::{field, filled, leading_type, object, text, type_of_head},
    usage,
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
    partial_image_b64: Option<&'a RawValue>,
    response: Option<&'a RawValue>,
}

/// A whole answer, or what the last event of a stream holds.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Response<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    incomplete_details: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Incomplete<'a> {
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        if self.content
            && let Some(kind) = leading_type(data)
            && is_delta(kind)
            && name.is_none_or(|name| name == kind)
        {
            return Event::content();
        }
        let event = parse(name, data);
        self.content |= event.content;
        event
    }

    /// The last event repeats the whole answer, which may be longer than any limit, as audio and images may. Their names say enough.
    fn read_head(&self, Frame { name, data }: Frame<'_>) -> Event {
        let kind = name.or_else(|| type_of_head(data)).unwrap_or_default();
        let over = matches!(kind, COMPLETED | INCOMPLETE);
        let content = kind.ends_with(b".audio.delta") || kind.ends_with(b".partial_image");
        Event { content, finished: over, end: over, ..Event::default() }
    }
}

const COMPLETED: &[u8] = b"response.completed";
const INCOMPLETE: &[u8] = b"response.incomplete";
const FAILED: &[u8] = b"response.failed";

/// Whether events of this type carry a piece of text, reasoning, refusal, audio, or of a tool's arguments.
fn is_delta(kind: &[u8]) -> bool {
    kind.starts_with(b"response.") && kind.ends_with(b".delta")
}

fn parse(name: Option<&[u8]>, bytes: &[u8]) -> Event {
    let Some(data) = object::<Data<'_>>(bytes) else {
        return match (name, bytes.trim_ascii()) {
            (Some(b"error"), text) => Event::failed(ApiError::inside(Dialect::Responses, text)),
            // Gateways end the streams of every dialect alike.
            (_, b"" | b"[DONE]") => Event::default(),
            _ => Event::malformed(),
        };
    };
    let kind = text(data.r#type);
    let kind = kind.as_deref().map(str::as_bytes).or(name).unwrap_or_default();
    if kind == b"error" || name == Some(b"error") || (filled(data.error) && !is_delta(kind)) {
        // One of the four ends, as much as the others.
        let error = Event::failed(ApiError::inside(Dialect::Responses, bytes));
        return Event { end: true, ..error };
    }
    if !matches!(kind, COMPLETED | INCOMPLETE | FAILED) {
        let content = (is_delta(kind) && filled(data.delta)) || filled(data.partial_image_b64);
        return Event { content, ..Event::default() };
    }
    let response: Response<'_> = field(data.response).unwrap_or_default();
    Event {
        finished: true,
        end: true,
        stop: response.stop(),
        usage: usage::openai(response.usage),
        error: (kind == FAILED).then(|| Box::new(response.failure())),
        ..Event::default()
    }
}

impl Response<'_> {
    fn stop(&self) -> Option<Kind> {
        let incomplete: Incomplete<'_> = field(self.incomplete_details)?;
        (text(incomplete.reason)? == "content_filter").then_some(Kind::Filtered)
    }

    fn failure(&self) -> ApiError {
        let details = self.error.map(Details::of_error).unwrap_or_default();
        ApiError::conclude(Dialect::Responses, None, &details)
    }
}

/// Reads a whole answer.
pub(crate) fn answer(body: &[u8]) -> Answer {
    let response: Response<'_> = object(body).unwrap_or_default();
    if filled(response.error) || text(response.status).as_deref() == Some("failed") {
        return Answer::Error(response.failure());
    }
    Answer::complete(usage::openai(response.usage), response.stop())
}
