//! What a decoder says of a stream.

use buttress_call::{Kind, Usage};

use crate::ApiError;

/// One event of a stream, as far as a layer cares.
///
/// The default is an event that says nothing: a prelude, a ping, a comment. An event may be several things at once: a
/// last chunk can carry content, a finish reason and the usage.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "what an event is can be any mixture of these")]
pub struct Event {
    /// The caller receives generated output with it: text, reasoning, a tool call, a refusal, audio.
    ///
    /// Exact up to and including the first such event. After it an ordinary event is not parsed, and counts if its
    /// form is that of a content event: then this only feeds an idle timer.
    pub content: bool,
    /// It carries a finish reason, whichever.
    pub finished: bool,
    /// What a finish reason says beyond "done": [`Kind::Filtered`] for a content filter or a refusal,
    /// [`Kind::ContextTooLong`] when the window ran out. The stream is whole all the same.
    pub stop: Option<Kind>,
    /// The usage up to now: it overwrites what an earlier event said.
    pub usage: Option<Usage>,
    /// It exists only to carry the usage, and only because the usage was asked for.
    pub usage_only: bool,
    /// The provider failed, although it had answered 200.
    pub error: Option<Box<ApiError>>,
    /// It is the dialect's end marker. After an error it does not mean success ([`Decoder::ended`](crate::Decoder)).
    pub end: bool,
    /// It is not what the dialect allows.
    pub malformed: bool,
    /// It is longer than the limit, and was not read: what else is said of it, its first bytes have told.
    pub too_long: bool,
}

impl Event {
    pub(crate) fn malformed() -> Self {
        Event { malformed: true, ..Event::default() }
    }

    pub(crate) fn content() -> Self {
        Event { content: true, ..Event::default() }
    }

    pub(crate) fn failed(error: ApiError) -> Self {
        Event { error: Some(Box::new(error)), ..Event::default() }
    }
}

/// What [`Decoder::close`](crate::Decoder::close) says of a stream whose input has ended.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Close {
    /// A last event, which lacked its blank line.
    pub event: Option<Event>,
    /// The stream was whole: no error, and the end marker was seen, or, for OpenAI, a finish reason for every choice.
    pub complete: bool,
}
