//! Policies as numbers that can be written down: for pages, requests and logs.
//!
//! Times are in seconds. What is no number stays as it is: which kinds a breaker counts, how a provider charges.

mod breaker;
mod limit;

use std::time::Duration;

pub use self::{
    breaker::{BreakerNumbers, RateNumbers, SlowNumbers},
    limit::LimitNumbers,
};
use super::Refused;

/// Ten years; beyond that somebody has mistaken the unit.
const MOST_SECONDS: f64 = 315_360_000.0;

/// The time in force if its number was not changed, so that what was written down rounded does not come back rounded.
fn time(what: &str, new: f64, old: Duration) -> Result<Duration, Refused> {
    if new.to_bits() == old.as_secs_f64().to_bits() {
        return Ok(old);
    }
    let time = Duration::try_from_secs_f64(new).ok().filter(|_| new <= MOST_SECONDS);
    time.ok_or_else(|| Refused::number(what, &new, "must be a number of seconds, from 0 to ten years"))
}
