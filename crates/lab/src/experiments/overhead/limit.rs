//! A limiter with room for every call.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use buttress_call::{BoxError, ByError};
use buttress_limit::{Cost, Estimate, LimitLayer, Policy};
use governor::{Quota, RateLimiter};
use tower::{
    Layer,
    limit::{GlobalConcurrencyLimitLayer, RateLimit, rate::Rate},
};
use tower_resilience::{
    bulkhead::BulkheadLayer,
    ratelimiter::{RateLimiterLayer, WindowType},
};

use super::{
    OURS, PEER,
    inner::{Echo, Plain},
    subject::Subject,
};

/// The largest quotas that there are: a loop makes tens of millions of calls a second.
const REQUESTS: u64 = u32::MAX as u64;
const TOKENS: u64 = 1_000_000_000_000;
const MINUTE: Duration = Duration::from_secs(60);
const IN_FLIGHT: usize = 1_000;

/// Ours counts requests and tokens, the others requests: they have no tokens to count.
pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    let tower = inner.clone();
    Ok(vec![
        Subject::service(case, OURS, ours(Policy::per_minute(REQUESTS, TOKENS))?.layer(inner.clone())),
        Subject::service(case, PEER, peer()?.layer(inner)),
        // Nothing of it can be cloned: two threads have one each, and share nothing.
        Subject::made(case, "tower", move || RateLimit::new(tower.clone(), Rate::new(REQUESTS, MINUTE))),
        governor(case, |limiter| limiter.check().is_ok()),
    ])
}

/// Requests and tokens a minute; ten tokens of prompt, ten of answer.
pub(super) fn ours(
    policy: Policy,
) -> Result<LimitLayer<ByError, impl Cost<u64> + Clone + Send + Sync>, BoxError> {
    let cost = |_: &u64| Estimate::new(10).with_max_output(10);
    // Long past its first minute, in which the rate rises.
    let policy = Policy { ramp_up: Duration::ZERO, ..policy };
    Ok(LimitLayer::new(policy)?.classify(ByError).cost(cost))
}

/// A fixed window, which refuses what is too much.
pub(super) fn peer() -> Result<RateLimiterLayer, BoxError> {
    let builder = RateLimiterLayer::builder().limit_for_period(usize::MAX).refresh_period(MINUTE);
    Ok(builder.timeout_duration(Duration::ZERO).window_type(WindowType::Fixed).build()?)
}

pub(super) fn variants() -> Result<Vec<Subject>, BoxError> {
    let requests = Policy { requests: Some(REQUESTS), ..Policy::default() };
    let in_flight = Policy { in_flight: Some(IN_FLIGHT), ..Policy::default() };
    let bulkhead = BulkheadLayer::builder().max_concurrent_calls(IN_FLIGHT).reject_when_full().build()?;
    let tower = GlobalConcurrencyLimitLayer::new(IN_FLIGHT);
    let ten = NonZeroU32::new(10).ok_or("ten is not zero")?;
    Ok(vec![
        Subject::service("limit/requests", OURS, ours(requests)?.layer(Echo)),
        Subject::service("limit/requests", PEER, peer()?.layer(Echo)),
        Subject::service("limit/concurrency", OURS, ours(in_flight)?.layer(Echo)),
        Subject::service("limit/concurrency", PEER, bulkhead.layer(Echo)),
        Subject::service("limit/concurrency", "tower", tower.layer(Echo)),
        governor("limit/check_n", move |limiter| matches!(limiter.check_n(ten), Ok(Ok(())))),
    ])
}

fn governor(
    case: &str,
    check: impl Fn(&governor::DefaultDirectRateLimiter) -> bool + Clone + Send + 'static,
) -> Subject {
    let governor = Arc::new(RateLimiter::direct(Quota::per_second(NonZeroU32::MAX)));
    Subject::new(case, "governor", move || {
        let (limiter, check) = (governor.clone(), check.clone());
        async move |_| check(&limiter)
    })
}
