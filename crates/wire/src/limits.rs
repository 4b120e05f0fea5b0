//! Rate limits in an answer's headers.

mod families;
mod read;

use std::time::{Duration, SystemTime};

use buttress_call::Limits;
use http::HeaderMap;

use self::{families::family, read::Read};
use crate::Vendor;

/// Reads the rate limits of an answer, whatever its status.
///
/// Vendors share header names and mean different windows by them, so each has its own table. A dimension that a vendor
/// limits over several windows is reported over the shortest: that is the one a limiter can keep to. `now` is only used if
/// the answer has no `date` of its own, for resets given as points in time. A reset in the past means that the allowance is
/// full; negative numbers and garbage say nothing.
pub fn limits(vendor: impl Into<Vendor>, headers: &HeaderMap, now: SystemTime) -> Limits {
    let read = Read { headers, now };
    let family = family(vendor.into());
    let mut limits = Limits::default();
    limits.requests = read.first(family.requests);
    limits.tokens = read.first(family.tokens);
    limits.input_tokens = read.first(family.input_tokens);
    limits.output_tokens = read.first(family.output_tokens);
    limits
}

/// The wait that a vendor's resets ask for, on an answer that refused a call for its rate and gave no other hint.
///
/// Only where a reset is the time at which the next call may pass. OpenAI's says when the allowance is full again, which
/// is long after.
pub(crate) fn wait(vendor: Vendor, headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let read = Read { headers, now };
    let waits = family(vendor).waits.iter();
    waits.filter_map(|name| read.reset(name)).find(|wait| !wait.is_zero())
}

/// Whether the headers say that this account may do nothing at all, or nothing more today or this month: waiting does not
/// help.
pub(crate) fn nothing_allowed(headers: &HeaderMap) -> bool {
    let read = Read { headers, now: SystemTime::UNIX_EPOCH };
    families::NOTHING_IF_ZERO.iter().any(|name| read.number(name) == Some(0))
}
