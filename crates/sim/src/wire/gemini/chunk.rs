//! Answers. The structs list their fields in the order of the real wire.

use bytes::Bytes;
use serde::Serialize;

use super::{Reply, form};

/// A chunk of a stream, or a whole answer: they are alike.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Chunk<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates: Option<[Candidate<'a>; 1]>,
    usage_metadata: UsageMetadata,
    model_version: &'a str,
    response_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'static str>,
    index: u32,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: &'a [Part<'a>],
    role: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    thought_signature: Option<&'a str>,
}

/// Each chunk has the counts up to it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageMetadata {
    prompt_token_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    candidates_token_count: Option<u64>,
    total_token_count: u64,
    prompt_tokens_details: [Modality; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Modality {
    modality: &'static str,
    token_count: u64,
}

#[derive(Serialize)]
struct Models<'a> {
    models: Vec<Model<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Model<'a> {
    name: String,
    version: &'static str,
    display_name: &'a str,
    supported_generation_methods: [&'static str; 1],
}

/// A chunk that says how long the prompt is, and nothing else.
pub(super) fn usage_alone(reply: &Reply) -> Chunk<'_> {
    chunk(reply, None, 0)
}

/// A chunk of text; `finish` says why it is the last.
pub(super) fn text<'a>(
    reply: &'a Reply,
    parts: &'a [Part<'a>],
    so_far: u64,
    finish_reason: Option<&'static str>,
) -> Chunk<'a> {
    let content = Content { parts, role: "model" };
    chunk(reply, Some([Candidate { content, finish_reason, index: 0 }]), so_far)
}

pub(super) fn part(text: &str) -> Part<'_> {
    Part { text, thought_signature: None }
}

/// A part without a word, as thinking models send it.
pub(super) fn signed(signature: &str) -> Part<'_> {
    Part { text: "", thought_signature: Some(signature) }
}

pub(super) fn finish_reason(reply: &Reply) -> &'static str {
    if reply.cut { "MAX_TOKENS" } else { "STOP" }
}

fn chunk<'a>(reply: &'a Reply, candidates: Option<[Candidate<'a>; 1]>, so_far: u64) -> Chunk<'a> {
    Chunk {
        candidates,
        usage_metadata: UsageMetadata {
            prompt_token_count: reply.input,
            candidates_token_count: (so_far > 0).then_some(so_far),
            total_token_count: reply.input + so_far,
            prompt_tokens_details: [Modality { modality: "TEXT", token_count: reply.input }],
        },
        model_version: &reply.model,
        response_id: &reply.id,
    }
}

pub(super) fn models(names: &[String]) -> Bytes {
    let model = |name| Model {
        name: format!("models/{name}"),
        version: "001",
        display_name: name,
        supported_generation_methods: ["generateContent"],
    };
    form::pretty(&Models { models: names.iter().map(String::as_str).map(model).collect() }).into()
}
