//! What a limiter looks like at one moment.

use std::{sync::Arc, time::Duration};

use crate::engine::Reading;

/// One key's limits at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Requests a minute.
    pub requests: Option<Level>,
    /// Tokens a minute, input and output together.
    pub tokens: Option<Level>,
    /// Tokens of prompts a minute.
    pub input_tokens: Option<Level>,
    /// Generated tokens a minute.
    pub output_tokens: Option<Level>,
    /// Calls that were let through and are not over, streams until their end.
    pub in_flight: usize,
    /// Calls that wait.
    pub waiting: usize,
    /// For how long nothing passes, after a 429.
    pub blocked: Option<Duration>,
    /// Whether the rate rises slowly: after the start, or after a storm of 429s.
    pub rising: bool,
    /// What a call is expected to generate, once 20 outputs were seen.
    pub expected_output: Option<u64>,
    /// What estimates are multiplied with, by model; `None` is for calls that name none. All keys share them.
    pub factors: Vec<(Option<Arc<str>>, f64)>,
    /// Calls let through so far.
    pub admitted: u64,
    /// Those of them that had to wait.
    pub waited: u64,
    /// Calls refused so far.
    pub refused: u64,
    /// 429s of the provider so far.
    pub rate_limited: u64,
}

/// One limit at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Level {
    /// The quota.
    pub per_minute: u64,
    /// What there is when nothing is used.
    pub capacity: u64,
    /// What the provider has left, as far as it is known; below zero it is overdrawn.
    pub level: f64,
    /// What calls in flight hold of it.
    pub held: u64,
}

impl From<Reading> for Level {
    fn from(reading: Reading) -> Self {
        let Reading { per_minute, capacity, level, held } = reading;
        Level { per_minute, capacity, level, held }
    }
}
