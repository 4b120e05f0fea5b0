//! The two wires, behind one trait: what differs between providers is here and nowhere else.

use std::{fmt, str::FromStr, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde_json::Value;

use crate::{ConfigError, bucket::Levels, clock::Clock};

mod anthropic;
mod openai;
mod problem;
mod request;

pub(crate) use problem::{Problem, Refusal};
pub(crate) use request::Ask;

/// Which provider's wire is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Wire {
    /// `OpenAI` chat completions: `POST /v1/chat/completions`, `GET /v1/models`.
    OpenAi,
    /// Anthropic Messages: `POST /v1/messages`, `GET /v1/models`.
    Anthropic,
}

impl Wire {
    /// The path that takes calls.
    pub fn path(self) -> &'static str {
        match self {
            Self::OpenAi => openai::PATH,
            Self::Anthropic => anthropic::PATH,
        }
    }

    pub(crate) fn speak(self) -> &'static dyn Speak {
        match self {
            Self::OpenAi => &openai::OpenAi,
            Self::Anthropic => &anthropic::Anthropic,
        }
    }
}

impl fmt::Display for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "openai",
            Self::Anthropic => "anthropic",
        })
    }
}

impl FromStr for Wire {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "openai" => Ok(Self::OpenAi),
            "anthropic" => Ok(Self::Anthropic),
            _ => Err(ConfigError::new("Wire", "openai or anthropic", text)),
        }
    }
}

/// What a request is for.
#[derive(Debug)]
pub(crate) enum Route {
    Chat,
    Models,
}

/// Everything that an answer's text says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// 22 letters and digits, unique to the call.
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) created: i64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Whether `output` was cut by the request's own limit.
    pub(crate) cut: bool,
    pub(crate) include_usage: bool,
}

/// One provider's way to say things. Every `Bytes` of a stream is one or more whole events.
pub(crate) trait Speak: Sync {
    fn authorize(&self, headers: &HeaderMap) -> Result<(), Problem>;
    fn read(&self, body: &Value) -> Result<Ask, Problem>;

    fn prelude(&self, reply: &Reply) -> Bytes;
    fn token(&self, reply: &Reply, text: &str) -> Bytes;
    /// The finish reason, and the usage that goes with it.
    fn finish(&self, reply: &Reply) -> Bytes;
    fn end(&self) -> Bytes;
    fn whole(&self, reply: &Reply, text: &str) -> Bytes;
    fn models(&self, names: &[String], created: i64) -> Bytes;

    /// Something that keeps a stream busy and says nothing.
    fn keep_alive(&self, reply: &Reply) -> Bytes;
    /// One event without content whose line is `length` bytes and more.
    fn long_line(&self, reply: &Reply, length: usize) -> Bytes;
    /// A content event whose JSON stops in the middle.
    fn malformed(&self, reply: &Reply) -> Bytes;
    fn error_event(&self, reply: &Reply) -> Bytes;
    /// The body of an error, as it also comes under status 200.
    fn error_body(&self, reply: &Reply) -> Bytes;

    fn refuse(&self, problem: &Problem, id: &str) -> Refusal;
    fn stamp(&self, headers: &mut HeaderMap, id: &str, took: Duration);
    fn limits(&self, headers: &mut HeaderMap, levels: &Levels, clock: &Clock);
    /// How long to wait, as a hint in a refusal.
    fn hint(&self, headers: &mut HeaderMap, wait: Duration);
}

/// What a request to `path` is for; `chat` is where this wire takes calls.
pub(crate) fn route(chat: &str, method: &Method, path: &str) -> Result<Route, Problem> {
    let (route, wanted) = match path {
        "/v1/models" => (Route::Models, Method::GET),
        path if path == chat => (Route::Chat, Method::POST),
        _ => return Err(Problem::UnknownPath { method: method.clone(), path: path.to_owned() }),
    };
    if *method == wanted {
        Ok(route)
    } else {
        Err(Problem::WrongMethod { method: method.clone(), path: path.to_owned() })
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
