//! A limit in time for the whole call, which is not reached.

use std::time::Duration;

use buttress_call::{BoxError, ByError};
use buttress_timeout::{TimeoutLayer, Timeouts};
use tower::Layer;
use tower_resilience::timelimiter::TimeLimiterLayer;

use super::{OURS, PEER, inner::Plain, subject::Subject};

pub(super) const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    let ours = TimeoutLayer::new(total())?.classify(ByError);
    let tower = tower::timeout::TimeoutLayer::new(LIMIT);
    Ok(vec![
        Subject::service(case, OURS, ours.layer(inner.clone())),
        Subject::service(case, PEER, peer().layer(inner.clone())),
        Subject::service(case, "tower", tower.layer(inner)),
    ])
}

pub(super) fn total() -> Timeouts {
    Timeouts { total: Some(LIMIT), first_content: None, idle: None, answer: None }
}

pub(super) fn peer() -> TimeLimiterLayer {
    TimeLimiterLayer::builder().timeout_duration(LIMIT).build()
}
