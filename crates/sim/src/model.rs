//! The model: everything about a simulated provider that does not change while it runs.

use std::{ops::RangeInclusive, time::Duration, time::SystemTime};

use jiff::Timestamp;

use crate::{Bucket, ConfigError, Latency, Wire};

/// How a simulated provider behaves when nothing is wrong.
///
/// [`Model::new`] answers every model name with 32 tokens: the first after 200 ms, then one every 20 ms, without a rate
/// limit. The numbers are checked by [`Sim::new`](crate::Sim::new).
///
/// Token `i` of an answer is sent at `first_token + i * per_token`, the end one `per_token` after the last, so a whole
/// answer of `n` tokens takes `first_token + n * per_token`. The schedule does not depend on the reader: a slow one
/// finds the tokens waiting.
#[derive(Debug, Clone)]
#[must_use]
pub struct Model {
    pub(crate) wire: Wire,
    pub(crate) first_token: Latency,
    pub(crate) per_token: Latency,
    pub(crate) output: Tokens,
    pub(crate) bucket: Option<Bucket>,
    pub(crate) names: Vec<String>,
    pub(crate) context_window: Option<u64>,
    pub(crate) early_head: bool,
    pub(crate) seed: u64,
    pub(crate) wall: Option<SystemTime>,
}

impl Model {
    /// A provider that speaks `wire`.
    pub fn new(wire: Wire) -> Self {
        Self {
            wire,
            first_token: Latency::Fixed(Duration::from_millis(200)),
            per_token: Latency::Fixed(Duration::from_millis(20)),
            output: Tokens::from(32),
            bucket: None,
            names: Vec::new(),
            context_window: None,
            early_head: wire != Wire::Ollama,
            seed: 0,
            wall: None,
        }
    }

    /// The time from the whole request to the first content.
    pub fn first_token(mut self, latency: Latency) -> Self {
        self.first_token = latency;
        self
    }

    /// The time from one token to the next, and from the last to the end.
    pub fn per_token(mut self, latency: Latency) -> Self {
        self.per_token = latency;
        self
    }

    /// How many tokens an answer has: a number, or a range to draw from. A request's own limit cuts it.
    pub fn output_tokens(mut self, tokens: impl Into<Tokens>) -> Self {
        self.output = tokens.into();
        self
    }

    /// Rate limits, and the headers that tell of them. Without a bucket there is neither.
    pub fn bucket(mut self, bucket: Bucket) -> Self {
        self.bucket = Some(bucket);
        self
    }

    /// The model names that exist; any other is answered as unknown. By default every name exists.
    pub fn names<I: Into<String>>(mut self, names: impl IntoIterator<Item = I>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// The most input tokens a request may have; a longer one is answered as too long. Ollama keeps half a window of it
    /// instead, and says nothing.
    pub fn context_window(mut self, tokens: u64) -> Self {
        self.context_window = Some(tokens);
        self
    }

    /// Whether a stream's head and prelude go out at once (the default, as real providers do) or only with the first
    /// content (the default of Ollama, as it does).
    pub fn early_head(mut self, early: bool) -> Self {
        self.early_head = early;
        self
    }

    /// The seed of every draw. Two sims of different names draw differently from the same seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The wall time at which the sim begins, for a run whose headers must repeat to the byte. By default the real one.
    pub fn wall_clock(mut self, begin: SystemTime) -> Self {
        self.wall = Some(begin);
        self
    }

    pub(crate) fn check(&self) -> Result<Timestamp, ConfigError> {
        self.first_token.check()?;
        self.per_token.check()?;
        self.output.check()?;
        if let Some(bucket) = &self.bucket {
            bucket.check()?;
        }
        self.wall.map_or_else(
            || Ok(Timestamp::now()),
            |wall| {
                Timestamp::try_from(wall).map_err(|_| {
                    ConfigError::new("Model::wall_clock", "between the years -9999 and 9999", wall)
                })
            },
        )
    }
}

/// A whole answer is made at once, so there is a limit to it.
const MOST_TOKENS: u64 = 1_000_000;

/// How many tokens an answer has, up to a million: made from a number, or from a range whose numbers are equally likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens(pub(crate) RangeInclusive<u64>);

impl Tokens {
    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |rule| Err(ConfigError::new("Model::output_tokens", rule, &self.0));
        if self.0.is_empty() {
            return wrong("a range that holds a number");
        }
        if *self.0.end() > MOST_TOKENS { wrong("at most a million") } else { Ok(()) }
    }
}

impl From<u64> for Tokens {
    fn from(tokens: u64) -> Self {
        Self(tokens..=tokens)
    }
}

impl From<RangeInclusive<u64>> for Tokens {
    fn from(tokens: RangeInclusive<u64>) -> Self {
        Self(tokens)
    }
}
