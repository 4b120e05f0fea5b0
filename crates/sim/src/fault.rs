//! What can be wrong with a provider.

use std::time::Duration;

use crate::{
    ConfigError,
    latency::{check_delay, check_factor},
};

mod parse;

pub use parse::ParseFaultError;

/// Garbage is made at once, so there is a limit to it.
const MOST_GARBAGE: usize = 64 * 1024 * 1024;

/// One way for a call to go wrong.
///
/// Faults that shape a stream have a sense for whole answers, too; each says which. Where a count of tokens is more than
/// the answer has, the fault comes after the last one. What a fault is on each wire, where that is not plain, is in the
/// crate's table.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// 503 at once.
    Refuse,
    /// The connection is torn without an answer: `ConnectionReset`. Over HTTP the socket is reset.
    Reset,
    /// Nobody listens: `ConnectionRefused`. Over HTTP a rule for a model or a count of calls resets the connection once
    /// the request has been read. Any other strikes connections, not calls: a new one is reset as it is accepted, and
    /// one that was open before at its next request.
    ConnectRefused,
    /// The request is taken, and nothing ever comes back.
    BlackHole,
    /// 429: the rate limit, whatever the bucket says.
    RateLimit {
        /// The hint in the answer, if it has one: headers at OpenAI and Anthropic, the body's `RetryInfo` at Gemini.
        /// Ollama gives none.
        retry_after: Option<Duration>,
    },
    /// 429 for money: the quota or spend limit is used up. Without a hint, but at Gemini, where a day's quota comes with
    /// one that is no help.
    Quota,
    /// This status, with the body that the provider sends with it.
    Status(u16),
    /// 400: more input than the model can hold.
    ContextTooLong,
    /// The first token takes this much longer. Adds to whichever other fault hits.
    SlowFirstToken(Duration),
    /// Every latency times this factor. Multiplies with whichever other fault hits.
    Brownout(f64),
    /// The stream falls silent for ever. A whole answer does so half-way.
    StallAfter {
        /// Tokens sent before.
        tokens: u32,
    },
    /// The connection is torn in mid-body. A whole answer is torn half-way.
    CutAfter {
        /// Tokens sent before.
        tokens: u32,
    },
    /// One event whose JSON is broken; the stream goes on and ends well. A whole answer lacks its last brace.
    MalformedEvent {
        /// Tokens sent before.
        after: u32,
    },
    /// An error event, then the stream ends. After 0 tokens it is the first event of all. A whole answer is an error
    /// under status 200.
    ErrorEvent {
        /// Tokens sent before.
        after: u32,
    },
    /// The same, beside an end that looks clean: after the error, as vLLM sends it, or before it, as Gemini does.
    ErrorThenDone {
        /// Tokens sent before.
        after: u32,
    },
    /// A clean end of the body without the end marker. A whole answer stops half-way, its length unsaid.
    MissingEnd {
        /// Whether the finish reason is still sent. Where it is the end marker, too (Gemini, Ollama), it is sent without
        /// what closes its event: the blank line, the line's end, the array's bracket.
        finish: bool,
    },
    /// 200 with an empty body.
    EmptyOk,
    /// 200 whose body is an error, as JSON, even if a stream was asked for.
    ErrorIn200,
    /// Random bytes under the content type of a good answer.
    Garbage {
        /// How many, up to 64 MiB.
        bytes: usize,
    },
    /// One line of a megabyte before the first content (blank space before a whole answer); nothing else is wrong.
    MegabyteLine,
    /// Comments, pings and role chunks for ever, ten a second, and never content. Blank lines before a whole answer.
    EndlessPrelude,
    /// A good answer, compressed though nobody asked.
    Gzip,
    /// The body stays open for an hour after its end marker.
    OverDeliver,
}

impl Fault {
    /// How many tokens a stream has when the fault stops generation, if it does.
    pub(crate) fn last_token(&self) -> Option<u64> {
        match self {
            Self::StallAfter { tokens: last }
            | Self::CutAfter { tokens: last }
            | Self::ErrorEvent { after: last }
            | Self::ErrorThenDone { after: last } => Some(u64::from(*last)),
            Self::EndlessPrelude => Some(0),
            _ => None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Brownout(factor) => check_factor("Fault::Brownout", *factor),
            Self::SlowFirstToken(delay) => check_delay("Fault::SlowFirstToken", *delay),
            Self::Garbage { bytes } if *bytes > MOST_GARBAGE => {
                Err(ConfigError::new("Fault::Garbage", "at most 64 MiB", bytes))
            }
            Self::Status(status) if !(400..=599).contains(status) => {
                Err(ConfigError::new("Fault::Status", "an error status, 400 to 599", status))
            }
            _ => Ok(()),
        }
    }
}
