//! A limiter's policy.

use serde::{Deserialize, Serialize};

use super::time;
use crate::{
    control::Refused,
    limit::{Policy, Window},
};

/// A limiter's quotas and other numbers, as in [`Policy`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitNumbers {
    /// Requests a minute.
    pub requests: Option<u64>,
    /// Tokens a minute, input and output together.
    pub tokens: Option<u64>,
    /// Tokens of prompts a minute.
    pub input_tokens: Option<u64>,
    /// Generated tokens a minute.
    pub output_tokens: Option<u64>,
    /// Calls in flight at the same time.
    pub in_flight: Option<usize>,
    /// `bucket` or `sliding`.
    pub window: String,
    /// How much unused allowance a bucket keeps, as a time at the full rate.
    pub burst_seconds: f64,
    /// How many tokens a token bucket holds, where that is known.
    pub capacity: Option<u64>,
    /// The output that a call is taken to generate while too few were seen.
    pub default_output: u64,
    /// How many calls may wait.
    pub max_waiting: usize,
    /// How long a call may wait.
    pub max_wait_seconds: f64,
    /// For how long the rate rises after a start or a storm of 429s.
    pub ramp_up_seconds: f64,
    /// The longest block that a 429's hint can ask for.
    pub max_hint_seconds: f64,
    /// Whether the quotas follow the provider's headers.
    pub learn_quota: bool,
    /// How many keys are told apart.
    pub max_keys: usize,
}

impl From<Policy> for LimitNumbers {
    fn from(policy: Policy) -> Self {
        LimitNumbers {
            requests: policy.requests,
            tokens: policy.tokens,
            input_tokens: policy.input_tokens,
            output_tokens: policy.output_tokens,
            in_flight: policy.in_flight,
            window: name(policy.window).to_owned(),
            burst_seconds: policy.burst.as_secs_f64(),
            capacity: policy.capacity,
            default_output: policy.default_output,
            max_waiting: policy.max_waiting,
            max_wait_seconds: policy.max_wait.as_secs_f64(),
            ramp_up_seconds: policy.ramp_up.as_secs_f64(),
            max_hint_seconds: policy.max_hint.as_secs_f64(),
            learn_quota: policy.learn_quota,
            max_keys: policy.max_keys,
        }
    }
}

impl LimitNumbers {
    /// The policy with these numbers, and all else as in `base`. An error if a time is no time, or the window unknown.
    pub fn policy(self, base: Policy) -> Result<Policy, Refused> {
        let window = match &*self.window {
            same if same == name(base.window) => base.window,
            "bucket" => Window::Bucket,
            "sliding" => Window::Sliding,
            other => return Err(Refused::number("window", &other, "must be \"bucket\" or \"sliding\"")),
        };
        Ok(Policy {
            requests: self.requests,
            tokens: self.tokens,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            in_flight: self.in_flight,
            window,
            burst: time("burst_seconds", self.burst_seconds, base.burst)?,
            capacity: self.capacity,
            charging: base.charging,
            default_output: self.default_output,
            max_waiting: self.max_waiting,
            max_wait: time("max_wait_seconds", self.max_wait_seconds, base.max_wait)?,
            ramp_up: time("ramp_up_seconds", self.ramp_up_seconds, base.ramp_up)?,
            max_hint: time("max_hint_seconds", self.max_hint_seconds, base.max_hint)?,
            learn_quota: self.learn_quota,
            max_keys: self.max_keys,
        })
    }
}

fn name(window: Window) -> &'static str {
    match window {
        Window::Sliding => "sliding",
        _ => "bucket",
    }
}
