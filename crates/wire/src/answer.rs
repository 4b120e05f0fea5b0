//! A whole answer, not streamed.

use buttress_call::{Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{ApiError, Dialect, anthropic, json, openai, usage};

/// What the body of a 200 turned out to be.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// A whole JSON value that holds no error: a completion, embeddings, a list of models.
    #[non_exhaustive]
    Complete {
        /// The usage, if it says.
        usage: Option<Usage>,
        /// What a finish reason says beyond "done", as in [`Event::stop`](crate::Event::stop).
        stop: Option<Kind>,
    },
    /// An error, although the status was 200.
    Error(ApiError),
    /// Not a whole JSON value; says why.
    Broken(&'static str),
}

/// Reads the whole body of a 200.
///
/// Blank lines in front are keep-alives (DeepSeek sends them while it queues).
pub fn answer(dialect: Dialect, body: &[u8]) -> Answer {
    let body = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii();
    if body.is_empty() {
        return Answer::Broken("empty body");
    }
    let value: &RawValue = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) if error.is_eof() => return Answer::Broken("JSON cut short"),
        Err(_) => return Answer::Broken("not JSON"),
    };
    match dialect {
        Dialect::OpenAi => openai(value),
        Dialect::Anthropic => anthropic(value),
    }
}

fn openai(value: &RawValue) -> Answer {
    let body = value.get().as_bytes();
    // An array, or an object with a key twice: whole, but nothing to read.
    let Some(chunk) = json::object::<openai::Chunk<'_>>(body) else {
        return Answer::Complete { usage: None, stop: None };
    };
    let choices = openai::Choices::read(&chunk);
    match openai::error(&chunk, &choices, body, false) {
        Some(error) => Answer::Error(error),
        None => Answer::Complete { usage: openai::usage(&chunk), stop: choices.stop },
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

fn anthropic(value: &RawValue) -> Answer {
    let body = value.get().as_bytes();
    let Some(message) = json::object::<Message<'_>>(body) else {
        return Answer::Complete { usage: None, stop: None };
    };
    if json::filled(message.error) || json::text(message.r#type).as_deref() == Some("error") {
        return Answer::Error(ApiError::inside(Dialect::Anthropic, body));
    }
    Answer::Complete {
        usage: usage::Anthropic::default().merge(message.usage),
        stop: json::text(message.stop_reason).and_then(|reason| anthropic::stop(&reason)),
    }
}
