//! Ollama's own API: `chat` and `generate`, a JSON object a line.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::{Ask, Finish, Last, Problem, Refusal, Reply, Route, Speak, request};
use crate::{bucket::Levels, clock::Clock};

mod line;
mod problems;

/// Which of the two is spoken: one says a message, the other a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ollama {
    Chat,
    Generate,
}

impl Ollama {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/api/chat",
            Self::Generate => "/api/generate",
        }
    }
}

impl Speak for Ollama {
    fn route(&self, method: &Method, uri: &Uri) -> Result<Route, Problem> {
        let speak = if uri.path() == Self::Generate.path() { &Self::Generate } else { &Self::Chat };
        request::route(speak, method, uri, speak.path(), "/api/tags")
    }

    /// On somebody's own machine nobody asks for a key.
    fn authorize(&self, _: &HeaderMap, _: &Uri) -> Result<(), Problem> {
        Ok(())
    }

    fn read(&self, _: Option<&str>, body: &Value) -> Result<Ask, Problem> {
        let (model, stream) = (request::model(body)?, request::stream(body, true)?);
        let limit = match &body["options"]["num_predict"] {
            // As many as it likes.
            limit if limit.as_i64().is_some_and(|limit| limit <= 0) => None,
            limit => request::limit(limit, "num_predict")?,
        };
        let ask = |input_tokens| Ask {
            model,
            stream,
            max_tokens: limit,
            include_usage: true,
            input_tokens,
            embeds: None,
        };
        let said = match self {
            Self::Chat => body["messages"].as_array().is_some_and(|messages| !messages.is_empty()),
            Self::Generate => body["prompt"].as_str().is_some_and(|prompt| !prompt.is_empty()),
        };
        if !said {
            // The model is loaded, no more: one object says so.
            return Ok(Ask { stream: false, max_tokens: Some(0), ..ask(0) });
        }
        let messages = body["messages"].as_array().into_iter().flatten().map(|message| &message["content"]);
        Ok(ask(match self {
            Self::Chat => request::tokens(messages),
            Self::Generate => request::tokens([&body["system"], &body["prompt"]].into_iter()),
        }))
    }

    fn truncates(&self) -> bool {
        true
    }

    fn content_type(&self, stream: bool) -> &'static str {
        if stream { "application/x-ndjson" } else { problems::JSON }
    }

    fn prelude(&self, _: &Reply) -> Bytes {
        Bytes::new()
    }

    fn token(&self, reply: &Reply, text: &str, _: u64) -> Bytes {
        (line::text(*self, reply, text) + "\n").into()
    }

    fn finish(&self, reply: &Reply, finish: Finish) -> Bytes {
        (line::done(*self, reply, "") + if finish.closed { "\n" } else { "" }).into()
    }

    fn end(&self) -> Bytes {
        Bytes::new()
    }

    fn whole(&self, reply: &Reply, text: &str) -> Bytes {
        line::done(*self, reply, text).into()
    }

    fn models(&self, names: &[String], created: i64) -> Bytes {
        line::models(names, created).into()
    }

    /// A line without a word, as models send it that say nothing but a call of a tool.
    fn keep_alive(&self, reply: &Reply) -> Bytes {
        (line::text(*self, reply, "") + "\n").into()
    }

    fn long_line(&self, reply: &Reply, length: usize) -> Bytes {
        // Blanks inside JSON mean nothing.
        let line = line::text(*self, reply, "").replacen('{', &format!("{{{}", " ".repeat(length)), 1);
        (line + "\n").into()
    }

    fn malformed(&self, reply: &Reply) -> Bytes {
        let line = line::text(*self, reply, "");
        [&line.as_bytes()[..line.len() / 2], b"\n"].concat().into()
    }

    fn error_event(&self, _: &Reply, _: bool) -> Bytes {
        (problems::broken() + "\n").into()
    }

    fn error_body(&self, _: &Reply) -> Bytes {
        problems::broken().into()
    }

    fn error_and_end(&self) -> &'static [Last] {
        &[Last::Error, Last::Finish]
    }

    fn refuse(&self, problem: &Problem, _: &str) -> Refusal {
        problems::refuse(problem)
    }

    fn stamp(&self, _: &mut HeaderMap, _: &str, _: Duration) {}

    /// It does not tell.
    fn limits(&self, _: &mut HeaderMap, _: &Levels, _: &Clock) {}

    /// Nor that.
    fn hint(&self, _: &mut HeaderMap, _: Duration) {}
}
