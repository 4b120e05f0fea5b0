//! Google's Gemini: `generateContent` and its two forms of a stream.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use serde_json::Value;

use super::{Ask, Chat, Finish, Last, Problem, Refusal, Reply, Route, Speak, put, request};
use crate::{bucket::Levels, clock::Clock};

mod chunk;
mod details;
mod form;
mod problems;
mod url;

pub(super) use url::path;

/// The method and the query of the URL choose the form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gemini {
    /// One JSON object.
    Whole,
    /// Server-sent events, whose lines end in CRLF.
    Events,
    /// One JSON array, an element an event.
    Array,
}

const LINE_ENDS: &str = "\r\n\r\n";

impl Gemini {
    /// An event that nothing closes yet. `first`: nothing was sent before.
    fn open(self, chunk: &chunk::Chunk<'_>, first: bool) -> String {
        match self {
            Self::Array => form::element(&form::pretty(chunk), first),
            _ => format!("data: {}", form::line(chunk)),
        }
    }

    fn closed(self, chunk: &chunk::Chunk<'_>, first: bool) -> Bytes {
        (self.open(chunk, first) + if self == Self::Array { "\n" } else { LINE_ENDS }).into()
    }
}

impl Speak for Gemini {
    fn route(&self, method: &Method, uri: &Uri) -> Result<Route, Problem> {
        let route = url::route(uri).ok_or_else(|| Problem::unknown_path(method, uri))?;
        let wanted = if let Route::Models = route { Method::GET } else { Method::POST };
        if *method == wanted { Ok(route) } else { Err(Problem::wrong_method(method, uri)) }
    }

    fn authorize(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
        let header = |name| headers.get(name).map(HeaderValue::as_bytes);
        let bearer = header(header::AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix(b"Bearer "));
        let key = header("x-goog-api-key").or(bearer).or(url::parameter(uri, "key").map(str::as_bytes));
        if key.is_some_and(|key| !key.trim_ascii().is_empty()) { Ok(()) } else { Err(Problem::NoKey) }
    }

    fn read(&self, model: Option<&str>, body: &Value) -> Result<Ask, Problem> {
        let contents = request::list(body, "contents")?;
        let config = either(body, "generationConfig", "generation_config");
        let limit = either(config, "maxOutputTokens", "max_output_tokens");
        let system = either(body, "systemInstruction", "system_instruction");
        let parts = contents.iter().chain([system]).map(|content| &content["parts"]);
        Ok(Ask {
            model: model.unwrap_or_default().to_owned(),
            stream: *self != Self::Whole,
            max_tokens: request::limit(limit, "generationConfig.maxOutputTokens")?,
            include_usage: true,
            input_tokens: request::tokens(parts),
            embeds: None,
        })
    }

    fn content_type(&self, stream: bool) -> &'static str {
        if stream && *self == Self::Events { "text/event-stream" } else { problems::JSON }
    }

    fn prelude(&self, reply: &Reply) -> Bytes {
        self.closed(&chunk::usage_alone(reply), true)
    }

    fn token(&self, reply: &Reply, text: &str, so_far: u64) -> Bytes {
        self.closed(&chunk::text(reply, &[chunk::part(text)], so_far, None), false)
    }

    fn finish(&self, reply: &Reply, Finish { first, closed }: Finish) -> Bytes {
        let parts = [chunk::part("")];
        let chunk = chunk::text(reply, &parts, reply.output, Some(chunk::finish_reason(reply)));
        if closed { self.closed(&chunk, first) } else { self.open(&chunk, first).into() }
    }

    fn end(&self) -> Bytes {
        Bytes::from_static(if *self == Self::Array { b"]\n" } else { b"" })
    }

    fn whole(&self, reply: &Reply, text: &str) -> Bytes {
        form::pretty(&chunk::text(
            reply,
            &[chunk::part(text)],
            reply.output,
            Some(chunk::finish_reason(reply)),
        ))
        .into()
    }

    fn models(&self, names: &[String], _: i64) -> Bytes {
        chunk::models(names)
    }

    fn keep_alive(&self, reply: &Reply) -> Bytes {
        self.closed(&chunk::usage_alone(reply), false)
    }

    fn long_line(&self, reply: &Reply, length: usize) -> Bytes {
        let signature = "x".repeat(length);
        self.closed(&chunk::text(reply, &[chunk::signed(&signature)], 0, None), false)
    }

    fn malformed(&self, reply: &Reply) -> Bytes {
        let event = self.open(&chunk::text(reply, &[chunk::part("")], 0, None), false);
        if *self == Self::Array {
            // Its brackets match, or it would swallow all that follows.
            return (event.replacen("\"role\"", "role", 1) + "\n").into();
        }
        [&event.as_bytes()[..event.len() / 2], LINE_ENDS.as_bytes()].concat().into()
    }

    /// Among events it stands bare, over many lines and without `data:`.
    fn error_event(&self, _: &Reply, first: bool) -> Bytes {
        match self {
            Self::Array => (form::element(&problems::overloaded(), first) + "\n]\n").into(),
            _ => (problems::overloaded() + "\n").into(),
        }
    }

    fn error_body(&self, _: &Reply) -> Bytes {
        problems::body(&problems::overloaded(), *self == Self::Array).into()
    }

    fn error_and_end(&self) -> &'static [Last] {
        &[Last::Finish, Last::Error]
    }

    fn refuse(&self, problem: &Problem, _: &str) -> Refusal {
        problems::refuse(problem, *self == Self::Array)
    }

    fn stamp(&self, headers: &mut HeaderMap, _: &str, took: Duration) {
        put(headers, "server-timing", format_args!("gfet4t7; dur={}", took.as_millis()));
    }

    /// There are no headers for them.
    fn limits(&self, _: &mut HeaderMap, _: &Levels, _: &Clock) {}

    /// It stands in the body.
    fn hint(&self, _: &mut HeaderMap, _: Duration) {}
}

/// Fields are read under both of their spellings.
fn either<'a>(json: &'a Value, camel: &str, snake: &str) -> &'a Value {
    if json[camel].is_null() { &json[snake] } else { &json[camel] }
}
