//! A whole answer, not streamed.

use buttress_call::{Kind, Usage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    ApiError, Dialect, anthropic, bedrock, cohere, gemini, invoke, json, ollama, openai, responses, tgi,
};

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

impl Answer {
    /// A whole answer.
    pub fn complete(usage: Option<Usage>, stop: Option<Kind>) -> Self {
        Answer::Complete { usage, stop }
    }

    /// Reads a body that should be one JSON value: broken if it is not, an error if it is an object with an `error`
    /// that is not empty, or else what `read` makes of it.
    ///
    /// Blank lines in front are keep-alives (DeepSeek sends them while it queues).
    pub fn of_json(body: &[u8], read: impl FnOnce(&[u8]) -> Answer) -> Answer {
        of_json(body, |value| error(Dialect::OpenAi, value).map_or_else(|| read(value), Answer::Error))
    }
}

/// Reads the whole body of a 200.
///
/// Blank lines in front are keep-alives (DeepSeek sends them while it queues).
pub fn answer(dialect: Dialect, body: &[u8]) -> Answer {
    if dialect == Dialect::OpenAi
        && let Some(answer) = openai::object_answer(bare(body))
    {
        // Nearly all are one object, which is read once; what is none is looked at again, to say what is wrong with it.
        return answer;
    }
    let read = match dialect {
        Dialect::OpenAi => openai::answer,
        Dialect::Responses => responses::answer,
        Dialect::Anthropic => anthropic::answer,
        Dialect::Gemini => gemini::answer,
        Dialect::Bedrock => bedrock::answer,
        Dialect::BedrockInvoke => invoke::answer,
        Dialect::Cohere => cohere::answer,
        Dialect::Ollama => ollama::answer,
        Dialect::Tgi => tgi::answer,
        Dialect::Custom(language) => return language.answer(body),
    };
    of_json(body, read)
}

/// Reads a body that should be one JSON value. One that is no object, or has a key twice, is whole all the same.
fn of_json(body: &[u8], read: impl FnOnce(&[u8]) -> Answer) -> Answer {
    let body = bare(body);
    if body.is_empty() {
        return Answer::Broken("empty body");
    }
    match serde_json::from_slice::<&RawValue>(body) {
        Ok(value) => read(value.get().as_bytes()),
        Err(error) if error.is_eof() => Answer::Broken("JSON cut short"),
        Err(_) => Answer::Broken("not JSON"),
    }
}

/// Without what may stand around JSON.
fn bare(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Top<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The error that the body of a 200 holds, where most put it.
pub(crate) fn error(dialect: Dialect, body: &[u8]) -> Option<ApiError> {
    let top: Top<'_> = json::object(body)?;
    json::filled(top.error).then(|| ApiError::inside(dialect, body))
}
