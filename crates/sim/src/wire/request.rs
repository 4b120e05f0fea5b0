//! What requests have in common, whatever the wire.

use http::{Method, Uri};
use serde_json::Value;

use super::{Problem, Speak};

/// What a request is for.
#[derive(Debug)]
pub(crate) enum Route {
    Chat(Chat),
    Models,
}

/// A call, as far as its URL tells.
#[derive(Debug)]
pub(crate) struct Chat {
    /// In which of the provider's ways it is answered.
    pub(crate) speak: &'static dyn Speak,
    /// The model, where the URL names it.
    pub(crate) model: Option<String>,
}

impl Chat {
    /// One whose URL tells no model.
    pub(crate) fn in_body(speak: &'static dyn Speak) -> Route {
        Route::Chat(Self { speak, model: None })
    }
}

/// A request that makes sense.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) include_usage: bool,
    pub(crate) input_tokens: u64,
    /// Where vectors are asked for, and no text.
    pub(crate) embeds: Option<Embeds>,
}

/// The vectors that are asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Embeds {
    pub(crate) inputs: usize,
    pub(crate) dimensions: usize,
    /// As base64 of 32-bit floats, which is what the SDKs ask for, instead of numbers.
    pub(crate) base64: bool,
}

/// The route of an API that takes calls at one path, and lists models at another.
pub(crate) fn route(
    speak: &'static dyn Speak,
    method: &Method,
    uri: &Uri,
    chat: &str,
    models: &str,
) -> Result<Route, Problem> {
    let (route, wanted) = match uri.path() {
        path if path == chat => (Chat::in_body(speak), Method::POST),
        path if path == models => (Route::Models, Method::GET),
        _ => return Err(Problem::unknown_path(method, uri)),
    };
    if *method == wanted { Ok(route) } else { Err(Problem::wrong_method(method, uri)) }
}

pub(crate) fn model(body: &Value) -> Result<String, Problem> {
    match &body["model"] {
        Value::String(model) if !model.is_empty() => Ok(model.clone()),
        Value::String(_) | Value::Null => Err(Problem::Missing("model")),
        _ => Err(Problem::Invalid { field: "model", rule: "a string" }),
    }
}

pub(crate) fn stream(body: &Value, default: bool) -> Result<bool, Problem> {
    match &body["stream"] {
        Value::Bool(stream) => Ok(*stream),
        Value::Null => Ok(default),
        _ => Err(Problem::Invalid { field: "stream", rule: "a boolean" }),
    }
}

pub(crate) fn limit(value: &Value, field: &'static str) -> Result<Option<u64>, Problem> {
    match value {
        Value::Null => Ok(None),
        value => match value.as_u64() {
            Some(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(Problem::Invalid { field, rule: "an integer of at least 1" }),
        },
    }
}

/// A field that is an array of at least one.
pub(crate) fn list<'a>(body: &'a Value, field: &'static str) -> Result<&'a Vec<Value>, Problem> {
    match &body[field] {
        Value::Null => Err(Problem::Missing(field)),
        Value::Array(items) if !items.is_empty() => Ok(items),
        _ => Err(Problem::Invalid { field, rule: "an array that is not empty" }),
    }
}

/// Four bytes of text a token, rounded up.
pub(crate) fn tokens<'a>(contents: impl Iterator<Item = &'a Value>) -> u64 {
    contents.map(text_bytes).sum::<u64>().div_ceil(4)
}

/// A content is a string or a list of blocks, some of which have text.
fn text_bytes(content: &Value) -> u64 {
    match content {
        Value::String(text) => text.len() as u64,
        Value::Array(blocks) => blocks.iter().map(|block| text_bytes(&block["text"])).sum(),
        _ => 0,
    }
}
