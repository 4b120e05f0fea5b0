//! What a provider grants.

use std::time::Duration;

use serde::Deserialize;

use super::value;
use crate::limit;

/// `limits`: what a target's provider grants this key, as [`limit::Policy`] has it. Nothing set is no limit.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct LimitConfig {
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, input and output together.
    pub tokens_per_minute: Option<u64>,
    /// Tokens of prompts a minute, where the provider counts them apart.
    pub input_tokens_per_minute: Option<u64>,
    /// Generated tokens a minute, where the provider counts them apart.
    pub output_tokens_per_minute: Option<u64>,
    /// Calls in flight at the same time, each to the end of its answer.
    pub concurrency: Option<usize>,
    /// `max_wait_seconds`: how long a call may wait for its turn. Default: 60 s where the target is the only one, or the last
    /// in the order. Another one refuses a call that would have to wait, so that the next takes it.
    #[serde(rename = "max_wait_seconds", deserialize_with = "value::some_above_zero")]
    pub max_wait: Option<Duration>,
    /// Whether the quotas follow what the provider's headers say of them. Default: false.
    pub learn: bool,
}

impl LimitConfig {
    /// The limiter's policy; none if nothing is limited. Without a `max_wait` of its own a call waits only if `queue` says
    /// so.
    pub fn policy(&self, queue: bool) -> Option<limit::Policy> {
        let limits = [
            self.requests_per_minute,
            self.tokens_per_minute,
            self.input_tokens_per_minute,
            self.output_tokens_per_minute,
        ];
        if limits.iter().all(Option::is_none) && self.concurrency.is_none() && !self.learn {
            return None;
        }
        let default = limit::Policy::default();
        Some(limit::Policy {
            requests: self.requests_per_minute,
            tokens: self.tokens_per_minute,
            input_tokens: self.input_tokens_per_minute,
            output_tokens: self.output_tokens_per_minute,
            in_flight: self.concurrency,
            learn_quota: self.learn,
            max_wait: self.max_wait.unwrap_or(default.max_wait),
            max_waiting: if queue || self.max_wait.is_some() { default.max_waiting } else { 0 },
            ..default
        })
    }
}
