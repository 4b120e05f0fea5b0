//! Layers on top of each other, as users compose them.

use buttress_breaker::BreakerLayer;
use buttress_call::{BoxError, ByError};
use buttress_failover::Failover;
use buttress_hedge::HedgeLayer;
use buttress_limit::Policy;
use buttress_timeout::{TimeoutLayer, Timeouts};
use tower::ServiceBuilder;
use tower_resilience::{bulkhead::BulkheadLayer, fallback::FallbackLayer};

use super::{
    OURS, PEER, breaker, hedge,
    inner::{Echo, Later, Plain},
    limit, retry,
    subject::Subject,
    timeout,
};

const REQUESTS: u64 = u32::MAX as u64;
const TOKENS: u64 = 1_000_000_000_000;

/// Retry, breaker, limiter and hedge, on both sides in this order.
pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    let ours = ServiceBuilder::new()
        .layer(retry::ours())
        .layer(BreakerLayer::default().classify(ByError))
        .layer(limit::ours(Policy::per_minute(REQUESTS, TOKENS))?)
        .layer(HedgeLayer::budget(hedge::BUDGET)?.classify(ByError))
        .service(inner.clone());
    let peer = ServiceBuilder::new()
        .layer(retry::peer()?)
        .layer(breaker::peer()?)
        .layer(limit::peer()?)
        .layer(hedge::peer())
        .service(inner);
    Ok(vec![Subject::service(case, OURS, ours), Subject::service(case, PEER, peer)])
}

pub(super) fn variants() -> Result<Vec<Subject>, BoxError> {
    Ok([
        whole("stack/whole", &Echo)?,
        widest("stack/whole", &Echo)?,
        whole("stack/whole_pending", &Later)?,
        widest("stack/whole_pending", &Later)?,
    ]
    .into())
}

/// Every layer of ours that takes any request, around two targets.
fn whole(case: &str, inner: &impl Plain) -> Result<Subject, BoxError> {
    let target = || -> Result<_, BoxError> {
        Ok(ServiceBuilder::new()
            .layer(retry::ours())
            .layer(limit::ours(Policy::per_minute(REQUESTS, TOKENS))?)
            .layer(BreakerLayer::default().classify(ByError))
            .layer(TimeoutLayer::new(Timeouts::attempt())?.classify(ByError))
            .service(inner.clone()))
    };
    let targets = [("first", target()?), ("second", target()?)];
    let stack = ServiceBuilder::new()
        .layer(TimeoutLayer::new(timeout::total())?.classify(ByError))
        .layer(HedgeLayer::budget(hedge::BUDGET)?.classify(ByError))
        .service(Failover::in_order(targets)?.classify(ByError));
    Ok(Subject::service(case, OURS, stack))
}

/// Every layer of the peer's that does a part of that. Its hedge wants errors that can be cloned, which those of its other
/// layers cannot, so it stands innermost.
fn widest(case: &str, inner: &impl Plain) -> Result<Subject, BoxError> {
    let stack = |inner| -> Result<_, BoxError> {
        Ok(ServiceBuilder::new()
            .layer(timeout::peer())
            .layer(retry::peer()?)
            .layer(limit::peer()?)
            .layer(breaker::peer()?)
            .layer(BulkheadLayer::builder().max_concurrent_calls(1_000).reject_when_full().build()?)
            .layer(timeout::peer())
            .layer(hedge::peer())
            .service(inner))
    };
    let fallback = FallbackLayer::tower_service(stack(inner.clone())?);
    Ok(Subject::service(case, PEER, ServiceBuilder::new().layer(fallback).service(stack(inner.clone())?)))
}
