//! Whether a failed call is sent again to the same target.

use std::time::Duration;

use buttress_call::{Failure, Kind, Retry};

use crate::Retries;

/// What is known of a failure, and of the call at that moment.
#[derive(Debug)]
pub(crate) struct Situation {
    pub(crate) failure: Failure,
    /// The provider's own word.
    pub(crate) should_retry: Option<bool>,
    /// The retries that the call has had, after whatever failures.
    pub(crate) retries: u8,
    pub(crate) another_can_serve: bool,
}

/// Why a call is not sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Kind,
    Provider,
    Attempts,
    AnotherTarget,
    Hint,
    Deadline,
    Closed,
    Budget,
}

impl Stop {
    /// The `reason` in events.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Stop::Kind => "this kind is not retried",
            Stop::Provider => "the provider says not to",
            Stop::Attempts => "no attempts are left",
            Stop::AnotherTarget => "another target can serve",
            Stop::Hint => "the hint is longer than the cap",
            Stop::Deadline => "the wait does not fit into the deadline",
            Stop::Closed => "the target takes no calls until after the wait",
            Stop::Budget => "the budget is spent",
        }
    }
}

/// How many retries a call gets after a failure of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    set: [Option<u8>; Kind::ALL.len()],
}

impl Rules {
    pub(crate) fn set(&mut self, kind: Kind, retries: u8) {
        if let Some(rule) = self.set.get_mut(kind as usize) {
            *rule = Some(retries);
        }
    }

    fn retries(&self, kind: Kind, by_default: u8) -> u8 {
        let set = self.set.get(kind as usize).copied().flatten();
        set.unwrap_or(if kind.retry() == Retry::Never { 0 } else { by_default })
    }
}

/// The wait before the next attempt, where `delay` draws the backoff; or why there is none.
pub(crate) fn wait(
    numbers: &Retries,
    rules: &Rules,
    situation: &Situation,
    delay: impl FnOnce() -> Duration,
) -> Result<Duration, Stop> {
    let Situation { failure, should_retry, retries, another_can_serve } = *situation;
    let by_default = numbers.attempts - 1;
    let mut most = rules.retries(failure.kind, by_default);
    match should_retry {
        Some(false) => return Err(Stop::Provider),
        Some(true) => most = most.max(by_default),
        None if most == 0 => return Err(Stop::Kind),
        None => {}
    }
    if retries >= most {
        return Err(Stop::Attempts);
    }
    let hint = failure.retry_after.unwrap_or_default();
    if another_can_serve {
        // What may well be a stumble is worth one more try here; what needs time is not.
        let stumble = failure.kind.retry() == Retry::Backoff && hint.is_zero();
        if stumble && retries == 0 {
            return Ok(delay());
        }
        if stumble || hint > numbers.patience || numbers.patience.is_zero() {
            return Err(Stop::AnotherTarget);
        }
    }
    if hint > numbers.hint_cap {
        return Err(Stop::Hint);
    }
    // On top of the hint, or all who were given the same hint would be back at the same instant.
    let wait = hint.saturating_add(delay());
    Ok(if another_can_serve { wait.min(numbers.patience) } else { wait })
}
