//! Answers. The structs list their fields in the order of the real wire.

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::{Reply, json};

#[derive(Serialize)]
struct Message<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: &'static str,
    role: &'static str,
    model: &'a str,
    content: &'a [Text<'a>],
    stop_reason: Option<&'static str>,
    stop_sequence: (),
    usage: Usage,
}

#[derive(Serialize)]
struct Text<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct Usage {
    input_tokens: u64,
    cache_creation_input_tokens: u64,
    cache_read_input_tokens: u64,
    output_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service_tier: Option<&'static str>,
}

#[derive(Serialize)]
struct MessageStart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: Message<'a>,
}

#[derive(Serialize)]
struct BlockDelta<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    index: u32,
    delta: Text<'a>,
}

#[derive(Serialize)]
struct MessageDelta {
    #[serde(rename = "type")]
    kind: &'static str,
    delta: Stop,
    usage: Usage,
}

#[derive(Serialize)]
struct Stop {
    stop_reason: &'static str,
    stop_sequence: (),
}

#[derive(Serialize)]
struct Models<'a> {
    data: Vec<ModelEntry<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

#[derive(Serialize)]
struct ModelEntry<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
}

pub(super) const PING: &str = "event: ping\ndata: {\"type\":\"ping\"}\n\n";
const BLOCK_START: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
    \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
const BLOCK_STOP: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";

pub(super) fn prelude(reply: &Reply) -> Bytes {
    // The real wire counts one output token before it has sent any.
    let message = message(reply, &[], None, usage(reply, 1, Some("standard")));
    let start = named("message_start", &MessageStart { kind: "message_start", message });
    (start + BLOCK_START + PING).into()
}

pub(super) fn delta(text: &str) -> Bytes {
    let delta = Text { kind: "text_delta", text };
    named("content_block_delta", &BlockDelta { kind: "content_block_delta", index: 0, delta }).into()
}

pub(super) fn finish(reply: &Reply) -> Bytes {
    let delta = Stop { stop_reason: stop_reason(reply), stop_sequence: () };
    let usage = usage(reply, reply.output, None);
    let last = named("message_delta", &MessageDelta { kind: "message_delta", delta, usage });
    (BLOCK_STOP.to_owned() + &last).into()
}

pub(super) fn whole(reply: &Reply, text: &str) -> Bytes {
    let content = [Text { kind: "text", text }];
    // An answer without a word has no block, either.
    let content = if text.is_empty() { &content[..0] } else { &content[..] };
    let usage = usage(reply, reply.output, Some("standard"));
    json(&message(reply, content, Some(stop_reason(reply)), usage)).into()
}

pub(super) fn models(names: &[String], created: i64) -> Bytes {
    let created = Timestamp::from_second(created).unwrap_or(Timestamp::UNIX_EPOCH);
    let entry = |id| ModelEntry { kind: "model", id, display_name: id, created_at: created.to_string() };
    json(&Models {
        data: names.iter().map(String::as_str).map(entry).collect(),
        has_more: false,
        first_id: names.first().map(String::as_str),
        last_id: names.last().map(String::as_str),
    })
    .into()
}

fn message<'a>(
    reply: &'a Reply,
    content: &'a [Text<'a>],
    stop_reason: Option<&'static str>,
    usage: Usage,
) -> Message<'a> {
    Message {
        id: format!("msg_{}", reply.id),
        kind: "message",
        role: "assistant",
        model: &reply.model,
        content,
        stop_reason,
        stop_sequence: (),
        usage,
    }
}

fn usage(reply: &Reply, output_tokens: u64, service_tier: Option<&'static str>) -> Usage {
    Usage {
        input_tokens: reply.input,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: 0,
        output_tokens,
        service_tier,
    }
}

fn stop_reason(reply: &Reply) -> &'static str {
    if reply.cut { "max_tokens" } else { "end_turn" }
}

fn named(name: &str, data: &impl Serialize) -> String {
    format!("event: {name}\ndata: {}\n\n", json(data))
}
