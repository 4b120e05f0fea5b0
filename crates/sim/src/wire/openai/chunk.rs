//! Answers. The structs list their fields in the order of the real wire.

use bytes::Bytes;
use serde::Serialize;

use super::{Reply, json};

#[derive(Serialize)]
struct Chunk<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    service_tier: &'static str,
    system_fingerprint: &'static str,
    choices: &'a [Choice<'a>],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageField>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obfuscation: Option<&'a str>,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u32,
    delta: Delta<'a>,
    logprobs: (),
    finish_reason: Option<&'static str>,
}

#[derive(Serialize, Default)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

/// Present and null in every chunk but the last, when usage was asked for.
#[derive(Serialize)]
#[serde(untagged)]
enum UsageField {
    NotYet(()),
    Known(Usage),
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    audio_tokens: u64,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
struct CompletionDetails {
    reasoning_tokens: u64,
    audio_tokens: u64,
    accepted_prediction_tokens: u64,
    rejected_prediction_tokens: u64,
}

#[derive(Serialize)]
struct Whole<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [WholeChoice<'a>; 1],
    usage: Usage,
    service_tier: &'static str,
    system_fingerprint: &'static str,
}

#[derive(Serialize)]
struct WholeChoice<'a> {
    index: u32,
    message: Message<'a>,
    logprobs: (),
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
    refusal: (),
    annotations: [(); 0],
}

#[derive(Serialize)]
struct Models<'a> {
    object: &'static str,
    data: Vec<ModelEntry<'a>>,
}

#[derive(Serialize)]
struct ModelEntry<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'static str,
}

const FINGERPRINT: &str = "fp_5100000000";

pub(super) fn role(reply: &Reply) -> Bytes {
    let delta = Delta { role: Some("assistant"), content: Some("") };
    one_choice(reply, delta, None, None)
}

pub(super) fn content(reply: &Reply, text: &str) -> Bytes {
    one_choice(reply, Delta { role: None, content: Some(text) }, None, None)
}

/// The real wire pads chunks with a field of random letters; here one is very long.
pub(super) fn obfuscated(reply: &Reply, length: usize) -> Bytes {
    let padding = "x".repeat(length);
    one_choice(reply, Delta { role: None, content: Some("") }, None, Some(&padding))
}

pub(super) fn finish(reply: &Reply) -> Bytes {
    let finish = one_choice(reply, Delta::default(), Some(finish_reason(reply)), None);
    if !reply.include_usage {
        return finish;
    }
    let usage = event(reply, &[], Some(UsageField::Known(usage(reply))), None);
    [finish, usage].concat().into()
}

pub(super) fn whole(reply: &Reply, text: &str) -> Bytes {
    let message = Message { role: "assistant", content: text, refusal: (), annotations: [] };
    json(&Whole {
        id: &id(reply),
        object: "chat.completion",
        created: reply.created,
        model: &reply.model,
        choices: [WholeChoice { index: 0, message, logprobs: (), finish_reason: finish_reason(reply) }],
        usage: usage(reply),
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
    })
    .into()
}

pub(super) fn models(names: &[String], created: i64) -> Bytes {
    let data = names.iter().map(|id| ModelEntry { id, object: "model", created, owned_by: "sim" }).collect();
    json(&Models { object: "list", data }).into()
}

fn one_choice(
    reply: &Reply,
    delta: Delta<'_>,
    finish_reason: Option<&'static str>,
    obfuscation: Option<&str>,
) -> Bytes {
    let usage = reply.include_usage.then_some(UsageField::NotYet(()));
    event(reply, &[Choice { index: 0, delta, logprobs: (), finish_reason }], usage, obfuscation)
}

fn event(
    reply: &Reply,
    choices: &[Choice<'_>],
    usage: Option<UsageField>,
    obfuscation: Option<&str>,
) -> Bytes {
    let chunk = Chunk {
        id: &id(reply),
        object: "chat.completion.chunk",
        created: reply.created,
        model: &reply.model,
        service_tier: "default",
        system_fingerprint: FINGERPRINT,
        choices,
        usage,
        obfuscation,
    };
    format!("data: {}\n\n", json(&chunk)).into()
}

fn id(reply: &Reply) -> String {
    format!("chatcmpl-{}", reply.id)
}

fn finish_reason(reply: &Reply) -> &'static str {
    if reply.cut { "length" } else { "stop" }
}

fn usage(reply: &Reply) -> Usage {
    Usage {
        prompt_tokens: reply.input,
        completion_tokens: reply.output,
        total_tokens: reply.input + reply.output,
        prompt_tokens_details: PromptDetails { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: CompletionDetails {
            reasoning_tokens: 0,
            audio_tokens: 0,
            accepted_prediction_tokens: 0,
            rejected_prediction_tokens: 0,
        },
    }
}
