//! Our arms: the real layer, with the model's numbers.

use buttress_call::{BoxError, ByError, Kind};
use buttress_retry::{Backoff, Jitter, Retries, RetryLayer, RetryPolicy};

use super::{CAP, FIRST, Policy, scaled};

/// The layer of a policy's arm; `None` for the arms that the lab plays itself.
pub(super) fn layer(policy: Policy, seed: u64) -> Result<Option<RetryLayer<ByError>>, BoxError> {
    let (base, jitter) = match policy {
        Policy::None | Policy::Exponential => return Ok(None),
        Policy::Equal => (FIRST, Jitter::Equal),
        Policy::Full => (FIRST, Jitter::Full),
        // It does not double, so the model's base is its base.
        Policy::Decorrelated => (FIRST / 2, Jitter::Decorrelated),
        Policy::Proportional => (FIRST, Jitter::Proportional(0.1..=0.3)),
    };
    let backoff = Backoff { base: scaled(base), cap: scaled(CAP), jitter };
    // The model's clients never give up.
    let policy = RetryPolicy::new(Retries { attempts: u8::MAX, backoff, ..Retries::default() })?
        .on(Kind::Server, u8::MAX)
        .no_budget()
        .seed(seed)
        .classify(ByError);
    Ok(Some(RetryLayer::new(policy)))
}
