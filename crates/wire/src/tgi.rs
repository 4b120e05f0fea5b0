//! Streams of Text Generation Inference's own API.

use buttress_call::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    answer::error,
    glance::keys,
    json::{count, field, filled, object},
};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are glanced at first.
    content: bool,
}

/// An event of a stream, or a whole answer: their keys do not clash.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Data<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    token: Option<&'a RawValue>,
    generated_text: Option<&'a RawValue>,
    details: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Token<'a> {
    #[serde(borrow)]
    text: Option<&'a RawValue>,
    special: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    input_length: Option<&'a RawValue>,
    generated_tokens: Option<&'a RawValue>,
}

keys! {
    TOKEN "token"
    TEXT "generated_text"
    DETAILS "details"
    ERROR "error"
}

/// Whether an event says nothing but a token, for certain.
fn is_ordinary(data: &[u8]) -> bool {
    data.starts_with(b"{")
        && data.ends_with(b"}")
        && TOKEN.find(data).is_some_and(|token| token.starts_with(b"{"))
        && [&TEXT, &DETAILS, &ERROR].into_iter().all(|key| key.is_null(data))
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        if self.content && name.is_none() && is_ordinary(data) {
            return Event::content();
        }
        let Some(read) = object::<Data<'_>>(data) else {
            return match data.trim_ascii() {
                text if name == Some(b"error") => Event::failed(ApiError::inside(Dialect::Tgi, text)),
                b"" | b"[DONE]" => Event::default(),
                _ => Event::malformed(),
            };
        };
        if filled(read.error) || name == Some(b"error") {
            return Event::failed(ApiError::inside(Dialect::Tgi, data));
        }
        let token: Token<'_> = field(read.token).unwrap_or_default();
        let special = token.special.is_some_and(|special| special.get() == "true");
        // The last event repeats the text of all of them, be it empty.
        let end = read.generated_text.is_some_and(|text| text.get() != "null");
        let event = Event {
            content: filled(token.text) && !special,
            finished: end,
            end,
            usage: usage(read.details),
            ..Event::default()
        };
        self.content |= event.content;
        event
    }
}

fn usage(raw: Option<&RawValue>) -> Option<Usage> {
    let details: Details<'_> = field(raw)?;
    let output = count(details.generated_tokens)?;
    Some(Usage::new(count(details.input_length).unwrap_or(0), output))
}

/// Reads a whole answer. (The `/` endpoint wraps it in an array of one.)
pub(crate) fn answer(body: &[u8]) -> Answer {
    let only: Option<[&RawValue; 1]> =
        body.starts_with(b"[").then(|| serde_json::from_slice(body).ok()).flatten();
    let body = only.map_or(body, |[body]| body.get().as_bytes());
    if let Some(error) = error(Dialect::Tgi, body) {
        return Answer::Error(error);
    }
    let data: Data<'_> = object(body).unwrap_or_default();
    Answer::complete(usage(data.details), None)
}
