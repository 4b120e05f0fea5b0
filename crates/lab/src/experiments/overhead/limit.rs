//! A limiter with room for every call.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use buttress_call::{BoxError, ByError};
use buttress_limit::{Estimate, LimitLayer, Policy};
use governor::{Quota, RateLimiter};
use tower::Layer;
use tower_resilience::ratelimiter::{RateLimiterLayer, WindowType};

use super::{OURS, inner::Echo, subject::Subject};

const CASE: &str = "limit";
/// The largest quotas that there are: a loop makes tens of millions of calls a second.
const REQUESTS: u64 = u32::MAX as u64;
const TOKENS: u64 = 1_000_000_000_000;

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let ours = LimitLayer::new(Policy::per_minute(REQUESTS, TOKENS))?
        .classify(ByError)
        .cost(|_: &u64| Estimate::new(10).with_max_output(10));
    // Requests alone, in a fixed window: it has no tokens to count.
    let peer = RateLimiterLayer::builder()
        .limit_for_period(usize::MAX)
        .refresh_period(Duration::from_secs(60))
        .timeout_duration(Duration::ZERO)
        .window_type(WindowType::Fixed)
        .build()?;
    let governor = Arc::new(RateLimiter::direct(Quota::per_second(NonZeroU32::MAX)));
    Ok(vec![
        Subject::service(CASE, OURS, ours.layer(Echo)),
        Subject::service(CASE, "tower-resilience", peer.layer(Echo)),
        Subject::new(CASE, "governor_check", move || {
            let limiter = governor.clone();
            async move |_| limiter.check().is_ok()
        }),
    ])
}
