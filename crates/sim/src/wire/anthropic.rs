//! Anthropic Messages.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::Value;

use super::{Ask, Finish, Problem, Refusal, Reply, Route, Speak, json, put, request};
use crate::{bucket::Levels, clock::Clock};

mod event;
mod limits;
mod problems;

pub(super) const PATH: &str = "/v1/messages";

#[derive(Debug)]
pub(super) struct Anthropic;

impl Speak for Anthropic {
    fn route(&self, method: &Method, uri: &Uri) -> Result<Route, Problem> {
        request::route(&Anthropic, method, uri, PATH, "/v1/models")
    }

    fn authorize(&self, headers: &HeaderMap, _: &Uri) -> Result<(), Problem> {
        let key = headers.get("x-api-key").map(HeaderValue::as_bytes);
        let bearer =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if key.or(bearer).is_none_or(|key| key.trim_ascii().is_empty()) {
            return Err(Problem::NoKey);
        }
        if headers.contains_key("anthropic-version") { Ok(()) } else { Err(Problem::NoVersion) }
    }

    fn read(&self, _: Option<&str>, body: &Value) -> Result<Ask, Problem> {
        let model = request::model(body)?;
        let messages = request::list(body, "messages")?;
        let Some(max_tokens) = request::limit(&body["max_tokens"], "max_tokens")? else {
            return Err(Problem::Missing("max_tokens"));
        };
        let contents = messages.iter().map(|message| &message["content"]);
        Ok(Ask {
            model,
            stream: request::stream(body, false)?,
            max_tokens: Some(max_tokens),
            include_usage: true,
            input_tokens: request::tokens(contents.chain([&body["system"]])),
            embeds: None,
        })
    }

    fn prelude(&self, reply: &Reply) -> Bytes {
        event::prelude(reply)
    }

    fn token(&self, _: &Reply, text: &str, _: u64) -> Bytes {
        event::delta(text)
    }

    fn finish(&self, reply: &Reply, _: Finish) -> Bytes {
        event::finish(reply)
    }

    fn end(&self) -> Bytes {
        Bytes::from_static(b"event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    }

    fn whole(&self, reply: &Reply, text: &str) -> Bytes {
        event::whole(reply, text)
    }

    fn models(&self, names: &[String], created: i64) -> Bytes {
        event::models(names, created)
    }

    fn keep_alive(&self, _: &Reply) -> Bytes {
        Bytes::from_static(event::PING.as_bytes())
    }

    fn long_line(&self, _: &Reply, length: usize) -> Bytes {
        let padding = "x".repeat(length);
        format!("event: ping\ndata: {{\"type\":\"ping\",\"padding\":\"{padding}\"}}\n\n").into()
    }

    fn malformed(&self, _: &Reply) -> Bytes {
        Bytes::from_static(
            b"event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"ty\n\n",
        )
    }

    fn error_event(&self, reply: &Reply, _: bool) -> Bytes {
        format!("event: error\ndata: {}\n\n", problems::overloaded(&reply.id)).into()
    }

    fn error_body(&self, reply: &Reply) -> Bytes {
        problems::overloaded(&reply.id).into()
    }

    fn refuse(&self, problem: &Problem, id: &str) -> Refusal {
        problems::refuse(problem, id)
    }

    fn stamp(&self, headers: &mut HeaderMap, id: &str, _: Duration) {
        put(headers, "request-id", format_args!("req_{id}"));
        put(headers, "anthropic-organization-id", "00000000-0000-0000-0000-000000000000");
    }

    fn limits(&self, headers: &mut HeaderMap, levels: &Levels, clock: &Clock) {
        limits::write(headers, levels, clock);
    }

    fn hint(&self, headers: &mut HeaderMap, wait: Duration) {
        put(headers, "retry-after", super::whole_seconds(wait));
    }
}
