//! The wires, behind one trait: what differs between providers is here and nowhere else.

use std::{fmt, str::FromStr, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;

use crate::ConfigError;

mod anthropic;
mod gemini;
mod ollama;
mod openai;
mod problem;
mod request;
mod speak;

pub(crate) use problem::{Problem, Refusal};
pub(crate) use request::{Ask, Chat, Embeds, Route};
pub(crate) use speak::{Finish, Last, Reply, Speak};

/// Which provider's wire is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// `OpenAI`: `POST /v1/chat/completions`, `POST /v1/embeddings`, `GET /v1/models`.
    OpenAi,
    /// Anthropic Messages: `POST /v1/messages`, `GET /v1/models`.
    Anthropic,
    /// Google's Gemini: `POST /v1beta/models/{model}:generateContent` and `:streamGenerateContent`, as server-sent events
    /// with `alt=sse` and as one JSON array without it; `GET /v1beta/models`. Vertex AI's paths are taken as well.
    Gemini,
    /// Ollama's own API: `POST /api/chat` and `/api/generate`, a line of JSON each, `GET /api/tags`. It asks for no key and
    /// tells of no limits.
    Ollama,
}

impl Wire {
    /// Where a call goes, under the base URL: the path and its query. Gemini's says the model and whether a stream is
    /// wanted, as server-sent events; the others say both in the body.
    pub fn path(self, model: &str, stream: bool) -> String {
        match self {
            Self::OpenAi => openai::OpenAi::Chat.path().to_owned(),
            Self::Anthropic => anthropic::PATH.to_owned(),
            Self::Gemini => gemini::path(model, stream),
            Self::Ollama => ollama::Ollama::Chat.path().to_owned(),
        }
    }

    pub(crate) fn speak(self) -> &'static dyn Speak {
        match self {
            Self::OpenAi => &openai::OpenAi::Chat,
            Self::Anthropic => &anthropic::Anthropic,
            Self::Gemini => &gemini::Gemini::Whole,
            Self::Ollama => &ollama::Ollama::Chat,
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Ollama => "ollama",
        })
    }
}

impl FromStr for Wire {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "openai" => Ok(Self::OpenAi),
            "anthropic" => Ok(Self::Anthropic),
            "gemini" => Ok(Self::Gemini),
            "ollama" => Ok(Self::Ollama),
            _ => Err(ConfigError::new("Wire", "openai, anthropic, gemini or ollama", text)),
        }
    }
}

/// JSON of one of our own types.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("plain structs with string keys always serialize")
}

fn put(headers: &mut HeaderMap, name: &'static str, value: impl fmt::Display) {
    let value = HeaderValue::try_from(value.to_string()).expect("ids, numbers and dates are visible ASCII");
    headers.insert(HeaderName::from_static(name), value);
}

/// Whole seconds, rounded up, never 0: clients ignore a hint of 0.
fn whole_seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
