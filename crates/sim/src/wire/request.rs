//! What both wires' requests have in common.

use serde_json::Value;

use super::Problem;

/// A request that makes sense.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) include_usage: bool,
    pub(crate) input_tokens: u64,
}

pub(crate) fn model(body: &Value) -> Result<String, Problem> {
    match &body["model"] {
        Value::String(model) if !model.is_empty() => Ok(model.clone()),
        Value::String(_) | Value::Null => Err(Problem::Missing("model")),
        _ => Err(Problem::Invalid { field: "model", rule: "a string" }),
    }
}

pub(crate) fn stream(body: &Value) -> Result<bool, Problem> {
    match &body["stream"] {
        Value::Bool(stream) => Ok(*stream),
        Value::Null => Ok(false),
        _ => Err(Problem::Invalid { field: "stream", rule: "a boolean" }),
    }
}

pub(crate) fn limit(body: &Value, field: &'static str) -> Result<Option<u64>, Problem> {
    match &body[field] {
        Value::Null => Ok(None),
        value => match value.as_u64() {
            Some(limit) if limit > 0 => Ok(Some(limit)),
            _ => Err(Problem::Invalid { field, rule: "an integer of at least 1" }),
        },
    }
}

pub(crate) fn messages(body: &Value) -> Result<&Vec<Value>, Problem> {
    match &body["messages"] {
        Value::Null => Err(Problem::Missing("messages")),
        Value::Array(messages) if !messages.is_empty() => Ok(messages),
        _ => Err(Problem::Invalid { field: "messages", rule: "an array of at least one message" }),
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
