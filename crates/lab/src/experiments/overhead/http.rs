//! The same layers over HTTP: a request with headers and a body, an answer that streams.

use buttress_breaker::BreakerLayer;
use buttress_call::BoxError;
use buttress_failover::Failover;
use buttress_hedge::HedgeLayer;
use buttress_limit::{LimitLayer, Policy};
use buttress_provider::{BufferLayer, Provider, ProviderLayer};
use buttress_retry::RetryLayer;
use buttress_timeout::{TimeoutLayer, Timeouts};
use tower::{Layer, ServiceBuilder, limit::GlobalConcurrencyLimitLayer};
use tower_resilience::fallback::FallbackLayer;

use super::{OURS, PEER, breaker, client::Client, hedge, limit, retry, subject::Subject, timeout};

const REQUESTS: u64 = u32::MAX as u64;
const TOKENS: u64 = 1_000_000_000_000;

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let failover = Failover::in_order([("first", Client), ("second", Client)])?;
    Ok(vec![
        Subject::http("breaker/http", OURS, BreakerLayer::default().layer(Client)),
        Subject::http("breaker/http", PEER, breaker::peer()?.layer(Client)),
        Subject::http("limit/http", OURS, ours_limit()?.layer(Client)),
        Subject::http("limit/http", PEER, limit::peer()?.layer(Client)),
        Subject::http("limit/http", "tower", GlobalConcurrencyLimitLayer::new(1_000).layer(Client)),
        Subject::http("retry/http", OURS, RetryLayer::default().layer(Client)),
        Subject::http("retry/http", PEER, retry::peer()?.layer(Client)),
        Subject::http(
            "retry/http",
            "tower",
            tower::retry::RetryLayer::new(retry::Budgeted::new()).layer(Client),
        ),
        Subject::http("hedge/http", OURS, HedgeLayer::budget(hedge::BUDGET)?.layer(Client)),
        Subject::http("hedge/http", PEER, hedge::peer().layer(Client)),
        Subject::http("failover/http", OURS, failover),
        Subject::http("failover/http", PEER, FallbackLayer::tower_service(Client).layer(Client)),
        Subject::http("timeout/http", OURS, TimeoutLayer::new(timeout::total())?.layer(Client)),
        Subject::http("timeout/http", PEER, timeout::peer().layer(Client)),
        Subject::http(
            "timeout/http",
            "tower",
            tower::timeout::TimeoutLayer::new(timeout::LIMIT).layer(Client),
        ),
        Subject::http("provider/http", OURS, provider()?.layer(Client)),
        whole()?,
        peers_stack()?,
    ])
}

fn ours_limit() -> Result<LimitLayer, BoxError> {
    Ok(LimitLayer::new(Policy::per_minute(REQUESTS, TOKENS))?)
}

fn provider() -> Result<ProviderLayer, BoxError> {
    Ok(ProviderLayer::new(Provider::openai().api_key("sk-lab"))?)
}

/// Our stack as the README draws it, around two targets.
fn whole() -> Result<Subject, BoxError> {
    let target = || -> Result<_, BoxError> {
        Ok(ServiceBuilder::new()
            .layer(RetryLayer::default())
            .layer(ours_limit()?)
            .layer(BreakerLayer::default())
            .layer(TimeoutLayer::new(Timeouts::attempt())?)
            .layer(provider()?)
            .service(Client))
    };
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(timeout::total())?)
        .layer(BufferLayer::default())
        .layer(HedgeLayer::budget(hedge::BUDGET)?)
        .service(Failover::in_order([("first", target()?), ("second", target()?)])?);
    Ok(Subject::http("stack/http", OURS, stack))
}

/// The peer's four layers of `stack`. Nothing in it looks into the stream.
fn peers_stack() -> Result<Subject, BoxError> {
    let stack = ServiceBuilder::new()
        .layer(retry::peer()?)
        .layer(breaker::peer()?)
        .layer(limit::peer()?)
        .layer(hedge::peer())
        .service(Client);
    Ok(Subject::http("stack/http", PEER, stack))
}
