//! The numbers of a whole stack.

use std::time::Duration;

use crate::{
    breaker, hedge, limit, provider::Commit, retry::Retries, telemetry::Telemetry, timeout::Timeouts,
};

/// The numbers of every layer of a stack, in the layers' own words. A plain value: change what you need, keep the rest.
///
/// ```
/// use std::time::Duration;
/// use buttress::{Policies, hedge, presets};
///
/// let policies = Policies {
///     total: Some(Duration::from_secs(120)),
///     hedge: Some(hedge::Policy::budget(0.05)),
///     ..presets::interactive()
/// };
/// # let _ = policies;
/// ```
///
/// They are checked where a stack or a target is made of them; the error names the field, the value and the rule.
#[derive(Clone, Debug)]
pub struct Policies {
    /// From the call to the end of its body: waits, attempts and all. Default: 10 min, which is the OpenAI and Anthropic
    /// clients' own.
    pub total: Option<Duration>,
    /// The limits of one attempt; its `total` is left alone. Default: [`Timeouts::attempt`].
    pub attempt: Timeouts,
    /// How often, and after what waits, the same target is asked again. Default: [`Retries::default`], 3 attempts.
    pub retries: Retries,
    /// When a target is left alone. Default: [`breaker::Policy::default`], 5 failures in a row, 60 s.
    ///
    /// A rate is for targets of which there are several: with one target alone, a breaker that opens on a share of errors
    /// turns those errors into an outage.
    pub breaker: Option<breaker::Policy>,
    /// What a target's provider grants. Default: no limiter.
    pub limit: Option<limit::Policy>,
    /// A second try for the slowest. Default: none, because most providers bill both.
    pub hedge: Option<hedge::Policy>,
    /// How much of a streamed answer is held back. Default: [`Commit::STREAM`], the first content.
    pub commit_streams: Commit,
    /// How much of an answer that comes whole is held back. Default: [`Commit::WHOLE`], all of it.
    pub commit_whole: Commit,
    /// The largest request body, in bytes; a larger one is refused with 413. Default: 32 MiB, the most that a big
    /// provider takes.
    pub max_request: usize,
    /// Where calls and attempts are written down. Default: a new record.
    ///
    /// Clones of a value have the same one, and so have all targets and stacks that are made of it.
    pub telemetry: Telemetry,
}

impl Default for Policies {
    /// Every layer's own defaults, without a limiter and without a hedge.
    fn default() -> Self {
        Policies {
            total: Timeouts::default().total,
            attempt: Timeouts::attempt(),
            retries: Retries::default(),
            breaker: Some(breaker::Policy::default()),
            limit: None,
            hedge: None,
            commit_streams: Commit::STREAM,
            commit_whole: Commit::WHOLE,
            max_request: 32 << 20,
            telemetry: Telemetry::default(),
        }
    }
}
