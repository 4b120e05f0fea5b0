//! A limiter.

use serde::Serialize;

use crate::{
    control::{LimitNumbers, event::rounded},
    limit::{Level, LimitHandle},
};

/// A limiter at one moment. Of a keyed limiter: what the keys share.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LimitStatus {
    /// Requests a minute.
    pub requests: Option<LevelStatus>,
    /// Tokens a minute, input and output together.
    pub tokens: Option<LevelStatus>,
    /// Tokens of prompts a minute.
    pub input_tokens: Option<LevelStatus>,
    /// Generated tokens a minute.
    pub output_tokens: Option<LevelStatus>,
    /// Calls let through that are not over, streams until their end.
    pub in_flight: usize,
    /// Calls that wait.
    pub waiting: usize,
    /// For how long nothing passes, after a 429.
    pub blocked_seconds: Option<f64>,
    /// Whether the rate rises slowly: after the start, or after a storm of 429s.
    pub rising: bool,
    /// What a call is expected to generate, in tokens.
    pub expected_output: Option<u64>,
    /// Calls let through so far.
    pub admitted: u64,
    /// Those of them that had to wait.
    pub waited: u64,
    /// Calls refused so far.
    pub refused: u64,
    /// 429s of the provider so far.
    pub rate_limited: u64,
    /// How many keys have limits of their own.
    pub keys: usize,
    /// Its quotas, and the other numbers.
    pub policy: LimitNumbers,
}

/// One limit at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct LevelStatus {
    /// The quota.
    pub per_minute: u64,
    /// What there is when nothing is used.
    pub capacity: u64,
    /// What the provider has left, as far as it is known; below zero it is overdrawn.
    pub level: f64,
    /// What calls in flight hold of it.
    pub held: u64,
}

impl LimitStatus {
    pub(in crate::control) fn of(limit: &LimitHandle) -> Self {
        let snapshot = limit.snapshot();
        let level = |level: Option<Level>| level.map(LevelStatus::from);
        LimitStatus {
            requests: level(snapshot.requests),
            tokens: level(snapshot.tokens),
            input_tokens: level(snapshot.input_tokens),
            output_tokens: level(snapshot.output_tokens),
            in_flight: snapshot.in_flight,
            waiting: snapshot.waiting,
            blocked_seconds: snapshot.blocked.map(rounded),
            rising: snapshot.rising,
            expected_output: snapshot.expected_output,
            admitted: snapshot.admitted,
            waited: snapshot.waited,
            refused: snapshot.refused,
            rate_limited: snapshot.rate_limited,
            keys: limit.keys(),
            policy: limit.policy().into(),
        }
    }
}

impl From<Level> for LevelStatus {
    fn from(level: Level) -> Self {
        let Level { per_minute, capacity, level, held, .. } = level;
        LevelStatus { per_minute, capacity, level: (level * 10.0).round() / 10.0, held }
    }
}
