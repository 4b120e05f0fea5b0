//! The numbers of a policy.

use std::time::Duration;

use crate::{Backoff, InvalidRetries};

/// How often a call is sent again, and how long it may be waited for. A plain value: change what you need, keep the rest.
///
/// ```
/// use std::time::Duration;
/// use buttress_retry::{Backoff, Retries, RetryPolicy};
///
/// let retries = Retries { attempts: 5, patience: Duration::from_secs(2), ..Retries::default() };
/// let policy = RetryPolicy::new(retries)?;
/// # let _ = policy;
///
/// let reversed = Backoff { base: Duration::from_secs(9), ..Backoff::default() };
/// let error = RetryPolicy::new(Retries { backoff: reversed, ..Retries::default() }).unwrap_err();
/// assert_eq!(error.to_string(), "retries: backoff.cap = 8s: must not be below backoff.base");
/// # Ok::<(), buttress_retry::InvalidRetries>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Retries {
    /// How often a call is sent at most, the first time included. At least 1. Default: 3, as in the clients of AWS, OpenAI
    /// and Anthropic.
    ///
    /// [`RetryPolicy::on`](crate::RetryPolicy::on) has another number for one kind of failure.
    pub attempts: u8,
    /// The wait, when the provider does not say.
    pub backoff: Backoff,
    /// The longest hint that is waited for: after a longer one the call fails at once, so that somebody else can be asked.
    /// Zero waits for no hint. Default: 5 s.
    ///
    /// A hint is never cut to fit: who comes back early is refused again, and counted for it by many providers.
    pub hint_cap: Duration,
    /// The longest wait while [another target can serve](buttress_call::Call::another_can_serve). Default: zero, go on at
    /// once. Set more if you prefer this target.
    pub patience: Duration,
}

impl Default for Retries {
    /// 3 attempts, full jitter over 0.5 s, 1 s, … up to 8 s, hints up to 5 s, no patience.
    fn default() -> Self {
        Retries {
            attempts: 3,
            backoff: Backoff::default(),
            hint_cap: Duration::from_secs(5),
            patience: Duration::ZERO,
        }
    }
}

impl Retries {
    pub(crate) fn check(&self) -> Result<(), InvalidRetries> {
        if self.attempts == 0 {
            return Err(InvalidRetries::new("attempts", &0, "must be at least 1: the first is one of them"));
        }
        self.backoff.check()
    }
}
