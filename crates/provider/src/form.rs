//! The form of an answer's body.

use buttress_wire::{Dialect, Form as Framing};
use http::{HeaderMap, StatusCode, header, response};

use crate::endpoint::{Asked, Expected};

/// The form of a good answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A stream that the dialect's decoder reads.
    Stream,
    /// A stream of somebody else's.
    OtherStream,
    Json,
    Other,
}

/// What the head says: the content type, and what was asked for.
pub(crate) fn form(parts: &response::Parts, asked: Asked) -> Form {
    let bodiless = matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT);
    if bodiless || asked.expected == Expected::Nothing {
        return Form::Other;
    }
    let framing = asked.dialect.form();
    let framed = |by: &[Framing]| {
        let known = asked.expected == Expected::Chat && by.contains(&framing);
        if known { Form::Stream } else { Form::OtherStream }
    };
    let Some(value) = parts.headers.get(header::CONTENT_TYPE) else {
        return if asked.stream { framed(&[framing]) } else { Form::Json };
    };
    let media_type = value.as_bytes().split(|b| *b == b';').next().unwrap_or_default().trim_ascii();
    let is = |known: &str| media_type.eq_ignore_ascii_case(known.as_bytes());
    // A stream of JSON values may be called JSON: Gemini's is one array, Ollama's a value a line.
    let json_stream = asked.stream && matches!(framing, Framing::EventsOrArray | Framing::Lines);
    if is("text/event-stream") {
        framed(&[Framing::ServerSentEvents, Framing::EventsOrArray])
    } else if is("application/vnd.amazon.eventstream") {
        framed(&[Framing::AmazonEventStream])
    } else if is("application/x-ndjson") || is("application/ndjson") || is("application/jsonl") {
        framed(&[Framing::Lines])
    } else if is("application/json") && json_stream {
        framed(&[framing])
    } else if is("application/json") || is("text/json") || is_suffixed(media_type) {
        Form::Json
    } else if asked.stream && matches!(asked.dialect, Dialect::Custom(_)) {
        // Whatever it calls its streams.
        framed(&[framing])
    } else {
        Form::Other
    }
}

/// `application/problem+json` and the like; not those that only end so: `x-ndjson` is many values.
fn is_suffixed(media_type: &[u8]) -> bool {
    media_type.len() > 5 && media_type[media_type.len() - 5..].eq_ignore_ascii_case(b"+json")
}

/// The encoding of a body that is encoded.
pub(crate) fn encoding(headers: &HeaderMap) -> Option<&str> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings
        .map(|value| value.to_str().unwrap_or("unreadable").trim())
        .find(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity"))
}
