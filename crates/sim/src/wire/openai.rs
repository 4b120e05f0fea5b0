//! `OpenAI` chat completions and embeddings.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use serde_json::Value;

use super::{Ask, Finish, Problem, Refusal, Reply, Route, Speak, json, put, request};
use crate::{bucket::Levels, clock::Clock};

mod chunk;
mod embeddings;
mod limits;
mod problems;

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) enum OpenAi {
    Chat,
    Embeddings,
}

impl OpenAi {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }
}

impl Speak for OpenAi {
    fn route(&self, method: &Method, uri: &Uri) -> Result<Route, Problem> {
        let speak = if uri.path() == Self::Embeddings.path() { &Self::Embeddings } else { &Self::Chat };
        request::route(speak, method, uri, speak.path(), "/v1/models")
    }

    fn authorize(&self, headers: &HeaderMap, _: &Uri) -> Result<(), Problem> {
        let bearer =
            headers.get(header::AUTHORIZATION).and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        if bearer.is_some_and(|key| !key.trim_ascii().is_empty()) { Ok(()) } else { Err(Problem::NoKey) }
    }

    fn read(&self, _: Option<&str>, body: &Value) -> Result<Ask, Problem> {
        if let Self::Embeddings = self {
            return embeddings::read(body);
        }
        let model = request::model(body)?;
        let messages = request::list(body, "messages")?;
        let newer = request::limit(&body["max_completion_tokens"], "max_completion_tokens")?;
        let older = request::limit(&body["max_tokens"], "max_tokens")?;
        Ok(Ask {
            model,
            stream: request::stream(body, false)?,
            max_tokens: newer.or(older),
            include_usage: body["stream_options"]["include_usage"] == true,
            input_tokens: request::tokens(messages.iter().map(|message| &message["content"])),
            embeds: None,
        })
    }

    fn prelude(&self, reply: &Reply) -> Bytes {
        chunk::role(reply)
    }

    fn token(&self, reply: &Reply, text: &str, _: u64) -> Bytes {
        chunk::content(reply, text)
    }

    fn finish(&self, reply: &Reply, _: Finish) -> Bytes {
        chunk::finish(reply)
    }

    fn end(&self) -> Bytes {
        Bytes::from_static(b"data: [DONE]\n\n")
    }

    fn whole(&self, reply: &Reply, text: &str) -> Bytes {
        match reply.embeds {
            Some(embeds) => embeddings::write(reply, embeds),
            None => chunk::whole(reply, text),
        }
    }

    fn models(&self, names: &[String], created: i64) -> Bytes {
        chunk::models(names, created)
    }

    fn keep_alive(&self, reply: &Reply) -> Bytes {
        let mut event = b": keep-alive\n\n".to_vec();
        event.extend_from_slice(&chunk::role(reply));
        event.into()
    }

    fn long_line(&self, reply: &Reply, length: usize) -> Bytes {
        chunk::obfuscated(reply, length)
    }

    fn malformed(&self, reply: &Reply) -> Bytes {
        let whole = chunk::content(reply, "");
        let half = &whole[..whole.len() / 2];
        [half, b"\n\n"].concat().into()
    }

    fn error_event(&self, _: &Reply, _: bool) -> Bytes {
        format!("data: {}\n\n", problems::broken()).into()
    }

    fn error_body(&self, _: &Reply) -> Bytes {
        problems::broken().into()
    }

    fn refuse(&self, problem: &Problem, _: &str) -> Refusal {
        problems::refuse(problem)
    }

    fn stamp(&self, headers: &mut HeaderMap, id: &str, took: Duration) {
        put(headers, "x-request-id", format_args!("req_{id}"));
        put(headers, "openai-version", "2020-10-01");
        put(headers, "openai-organization", "sim");
        put(headers, "openai-processing-ms", took.as_millis());
    }

    fn limits(&self, headers: &mut HeaderMap, levels: &Levels, _: &Clock) {
        limits::write(headers, levels);
    }

    fn hint(&self, headers: &mut HeaderMap, wait: Duration) {
        put(headers, "retry-after", super::whole_seconds(wait));
        put(headers, "retry-after-ms", wait.as_nanos().div_ceil(1_000_000).max(1));
    }
}
