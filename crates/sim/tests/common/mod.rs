//! What both test programs say to a provider.

#![allow(dead_code, reason = "each test program uses its own part")]

use std::time::Duration;

use buttress_sim::{Fault, Latency, Model, Rule, Sim, Wire};
use http::Request;
use serde_json::Value;

pub(crate) const BOTH: [Wire; 2] = [Wire::OpenAi, Wire::Anthropic];

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
pub(crate) fn json(stream: bool) -> Value {
    serde_json::json!({
        "model": "m", "stream": stream, "max_tokens": 100, "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "sixteen bytes !!"}],
    })
}

pub(crate) fn request_to(wire: Wire, base: &str, body: &Value) -> Request<String> {
    Request::post(format!("{base}{}", wire.path()))
        .header("authorization", "Bearer any")
        .header("anthropic-version", "2023-06-01")
        .header("content-type", "application/json")
        .body(body.to_string())
        .unwrap()
}

pub(crate) fn request(wire: Wire, stream: bool) -> Request<String> {
    request_to(wire, "", &json(stream))
}

/// The JSON of each event with data; `[DONE]` and broken data are strings.
pub(crate) fn events(body: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(body).unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned()))).collect()
}

/// The content that a client would show.
pub(crate) fn text(events: &[Value]) -> String {
    let delta = |event: &Value| {
        let openai = event["choices"][0]["delta"]["content"].as_str();
        openai.or(event["delta"]["text"].as_str()).map(ToOwned::to_owned)
    };
    events.iter().filter_map(delta).collect()
}

/// The last of a sound stream.
pub(crate) fn is_end(wire: Wire, event: &Value) -> bool {
    match wire {
        Wire::Anthropic => event["type"] == "message_stop",
        _ => event == "[DONE]",
    }
}
