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
    let mut limits = Limits::default();
    // Servers of one's own send none: to look at the names that came is cheaper than to ask for all that there may be.
    if !headers.keys().any(|name| tells_limits(name.as_str())) {
        return limits;
    }
    let read = Read { headers, now };
    let family = family(vendor.into());
    limits.requests = read.first(family.requests);
    limits.tokens = read.first(family.tokens);
    limits.input_tokens = read.first(family.input_tokens);
    limits.output_tokens = read.first(family.output_tokens);
    limits
}

/// Whether a [`Family`](families::Family) may have this name for a limit, or for what remains of it: without either, a
/// reset says nothing.
fn tells_limits(name: &str) -> bool {
    name.as_bytes().windows(5).any(|word| word == b"limit") || name.starts_with("x-trial-endpoint-")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_a_vendor_has_for_a_limit_is_seen_to_be_one() {
        for vendor in Vendor::ALL {
            let family = family(vendor);
            let all = [family.requests, family.tokens, family.input_tokens, family.output_tokens];
            for names in all.into_iter().flatten() {
                assert!(tells_limits(names.limit) && tells_limits(names.remaining), "{names:?}");
            }
        }
    }
}
