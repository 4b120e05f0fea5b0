//! Lines. The structs list their fields in the order of the real wire; what is zero is left out, as it is there.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use super::{super::json, Ollama, Reply};

#[derive(Serialize)]
struct Line<'a> {
    model: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    done: bool,
    #[serde(flatten)]
    metrics: Option<Metrics>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// Durations are nanoseconds.
#[derive(Serialize)]
struct Metrics {
    done_reason: &'static str,
    total_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    load_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    eval_duration: u64,
}

#[derive(Serialize)]
struct Models<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
struct Model<'a> {
    name: &'a str,
    model: &'a str,
    modified_at: String,
    size: u64,
    digest: String,
    details: Details,
}

#[derive(Serialize)]
struct Details {
    parent_model: &'static str,
    format: &'static str,
    family: &'static str,
    families: [&'static str; 1],
    parameter_size: &'static str,
    quantization_level: &'static str,
}

pub(super) fn text(ollama: Ollama, reply: &Reply, text: &str) -> String {
    line(ollama, reply, text, None)
}

/// The last line, or a whole answer: they are alike.
pub(super) fn done(ollama: Ollama, reply: &Reply, text: &str) -> String {
    let now = Instant::now();
    let load = reply.input == 0 && reply.output == 0;
    let prompt = nanos(reply.first_token.saturating_duration_since(reply.arrived));
    let metrics = Metrics {
        done_reason: match reply {
            _ if load => "load",
            Reply { cut: true, .. } => "length",
            _ => "stop",
        },
        total_duration: nanos(now.saturating_duration_since(reply.arrived)),
        load_duration: if load { prompt } else { 0 },
        prompt_eval_count: reply.input,
        prompt_eval_duration: if load { 0 } else { prompt },
        eval_count: reply.output,
        eval_duration: nanos(now.saturating_duration_since(reply.first_token)),
    };
    line(ollama, reply, text, Some(metrics))
}

fn line(ollama: Ollama, reply: &Reply, text: &str, metrics: Option<Metrics>) -> String {
    let (message, response) = match ollama {
        Ollama::Chat => (Some(Message { role: "assistant", content: text }), None),
        Ollama::Generate => (None, Some(text)),
    };
    let created_at = reply.clock.rfc3339();
    json(&Line { model: &reply.model, created_at, message, response, done: metrics.is_some(), metrics })
}

pub(super) fn models(names: &[String], created: i64) -> String {
    let modified_at = Timestamp::from_second(created).unwrap_or(Timestamp::UNIX_EPOCH).to_string();
    let model = |name| Model {
        name,
        model: name,
        modified_at: modified_at.clone(),
        size: 4_000_000_000,
        digest: "0".repeat(64),
        details: Details {
            parent_model: "",
            format: "gguf",
            family: "sim",
            families: ["sim"],
            parameter_size: "7B",
            quantization_level: "Q4_K_M",
        },
    };
    json(&Models { models: names.iter().map(String::as_str).map(model).collect() })
}

fn nanos(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}
