//! What every wire can say.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use tokio::time::Instant;

use super::{Ask, Embeds, Problem, Refusal, Route};
use crate::{bucket::Levels, clock::Clock};

/// Everything that an answer's text says of itself.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) speak: &'static dyn Speak,
    /// 22 letters and digits, unique to the call.
    pub(crate) id: String,
    pub(crate) model: String,
    pub(crate) created: i64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Whether `output` was cut by the request's own limit.
    pub(crate) cut: bool,
    pub(crate) include_usage: bool,
    pub(crate) embeds: Option<Embeds>,
    pub(crate) clock: Clock,
    pub(crate) arrived: Instant,
    /// When the first token is due.
    pub(crate) first_token: Instant,
}

/// What comes at the end of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    Finish,
    End,
    Error,
}

/// How the finish reason is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    /// Nothing was sent before.
    pub(crate) first: bool,
    /// Whether what closes its event is sent, too. Only asked where the event is the end marker as well.
    pub(crate) closed: bool,
}

/// One provider's way to say things; where it has several, such as two forms of a stream, each is one.
///
/// Every `Bytes` of a stream is one or more whole events, or none.
pub(crate) trait Speak: fmt::Debug + Sync {
    fn route(&self, method: &Method, uri: &Uri) -> Result<Route, Problem>;
    fn authorize(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem>;
    /// `model` is the URL's, where the URL names it.
    fn read(&self, model: Option<&str>, body: &Value) -> Result<Ask, Problem>;

    /// Whether a prompt too long for the window is cut to half of it without a word, rather than refused.
    fn truncates(&self) -> bool {
        false
    }

    fn content_type(&self, stream: bool) -> &'static str {
        if stream { "text/event-stream; charset=utf-8" } else { "application/json" }
    }

    fn prelude(&self, reply: &Reply) -> Bytes;
    /// The token that brings their number to `so_far`.
    fn token(&self, reply: &Reply, text: &str, so_far: u64) -> Bytes;
    /// The finish reason, and the usage that goes with it.
    fn finish(&self, reply: &Reply, finish: Finish) -> Bytes;
    /// The end marker, where it is another.
    fn end(&self) -> Bytes;
    fn whole(&self, reply: &Reply, text: &str) -> Bytes;
    fn models(&self, names: &[String], created: i64) -> Bytes;

    /// Something that keeps a stream busy and says nothing.
    fn keep_alive(&self, reply: &Reply) -> Bytes;
    /// One event without content whose line is `length` bytes and more.
    fn long_line(&self, reply: &Reply, length: usize) -> Bytes;
    /// A content event whose JSON is broken.
    fn malformed(&self, reply: &Reply) -> Bytes;
    /// `first`: nothing was sent before.
    fn error_event(&self, reply: &Reply, first: bool) -> Bytes;
    /// The body of an error, as it also comes under status 200.
    fn error_body(&self, reply: &Reply) -> Bytes;
    /// In which order a stream ends that fails and looks whole.
    fn error_and_end(&self) -> &'static [Last] {
        &[Last::Error, Last::End]
    }

    fn refuse(&self, problem: &Problem, id: &str) -> Refusal;
    fn stamp(&self, headers: &mut HeaderMap, id: &str, took: Duration);
    fn limits(&self, headers: &mut HeaderMap, levels: &Levels, clock: &Clock);
    /// How long to wait, as a hint in a refusal's head.
    fn hint(&self, headers: &mut HeaderMap, wait: Duration);
}
