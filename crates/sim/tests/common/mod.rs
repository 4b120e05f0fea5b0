//! What both test programs say to a provider.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::time::Duration;

use buttress_sim::{Fault, Latency, Model, Rule, Sim, Wire};
use http::Request;
use serde_json::Value;

pub(crate) const WIRES: [Wire; 4] = [Wire::OpenAi, Wire::Anthropic, Wire::Gemini, Wire::Ollama];

/// First token after 100 ms, one every 10 ms, eight in all.
pub(crate) fn model(wire: Wire) -> Model {
    Model::new(wire)
        .first_token(Latency::Fixed(Duration::from_millis(100)))
        .per_token(Latency::Fixed(Duration::from_millis(10)))
        .output_tokens(8)
}

pub(crate) fn sim(wire: Wire) -> Sim {
    Sim::new("a", model(wire)).unwrap()
}

pub(crate) fn broken(wire: Wire, fault: Fault) -> Sim {
    let sim = sim(wire);
    sim.inject(Rule::always(fault)).unwrap();
    sim
}

/// A sound request: 16 bytes of text, 4 tokens.
pub(crate) fn json(wire: Wire, stream: bool) -> Value {
    json_of(wire, stream, 100)
}

/// The same, with a limit of its own.
pub(crate) fn json_of(wire: Wire, stream: bool, most: u64) -> Value {
    let text = "sixteen bytes !!";
    let messages = serde_json::json!([{"role": "user", "content": text}]);
    match wire {
        Wire::Gemini => serde_json::json!({
            "contents": [{"role": "user", "parts": [{"text": text}]}], "generationConfig": {"maxOutputTokens": most},
        }),
        Wire::Ollama => serde_json::json!({
            "model": "m", "stream": stream, "options": {"num_predict": most}, "messages": messages,
        }),
        _ => serde_json::json!({
            "model": "m", "stream": stream, "max_tokens": most, "stream_options": {"include_usage": true},
            "messages": messages,
        }),
    }
}

pub(crate) fn post(uri: impl AsRef<str>, body: &Value) -> Request<String> {
    Request::post(uri.as_ref())
        .header("authorization", "Bearer any")
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .body(body.to_string())
        .unwrap()
}

pub(crate) fn request(wire: Wire, stream: bool) -> Request<String> {
    post(wire.path("m", stream), &json(wire, stream))
}

/// The JSON of each event with data, or of each line; `[DONE]` and broken data are strings. What stands bare among events
/// comes last.
pub(crate) fn events(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let parse = |data: &str| serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned()));
    if let Ok(one) = serde_json::from_str(text) {
        return vec![one];
    }
    let (fields, bare): (Vec<_>, Vec<_>) = text
        .lines()
        .filter(|line| !line.is_empty())
        .partition(|line| ["data:", "event:", ":"].iter().any(|field| line.starts_with(field)));
    if fields.is_empty() {
        return bare.into_iter().map(parse).collect();
    }
    let bare = (!bare.is_empty()).then(|| bare.join("\n"));
    let data = fields.iter().filter_map(|line| line.strip_prefix("data: "));
    data.chain(bare.as_deref()).map(parse).collect()
}

/// The content that a client would show, of an event or a whole answer.
fn content(event: &Value) -> Option<&str> {
    let openai = event["choices"][0]["delta"]["content"].as_str();
    let anthropic = event["delta"]["text"].as_str();
    let gemini = event["candidates"][0]["content"]["parts"][0]["text"].as_str();
    let ollama = event["message"]["content"].as_str().or(event["response"].as_str());
    let whole = event["choices"][0]["message"]["content"].as_str().or(event["content"][0]["text"].as_str());
    openai.or(anthropic).or(gemini).or(ollama).or(whole)
}

pub(crate) fn text(events: &[Value]) -> String {
    events.iter().filter_map(content).collect()
}

/// Why an answer ended, in an event that says so.
pub(crate) fn reason(event: &Value) -> Option<&str> {
    let openai = event["choices"][0]["finish_reason"].as_str();
    let anthropic = event["delta"]["stop_reason"].as_str();
    let gemini = event["candidates"][0]["finishReason"].as_str();
    openai.or(anthropic).or(gemini).or(event["done_reason"].as_str())
}

/// The last of a sound stream.
pub(crate) fn is_end(wire: Wire, event: &Value) -> bool {
    match wire {
        Wire::Anthropic => event["type"] == "message_stop",
        Wire::OpenAi => event == "[DONE]",
        _ => reason(event).is_some(),
    }
}

/// Whether the end marker is an event of its own.
pub(crate) fn has_marker(wire: Wire) -> bool {
    matches!(wire, Wire::OpenAi | Wire::Anthropic)
}
