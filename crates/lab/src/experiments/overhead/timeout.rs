//! A limit in time for the whole call, which is not reached.

use std::time::Duration;

use buttress_call::{BoxError, ByError};
use buttress_timeout::{TimeoutLayer, Timeouts};
use tower::Layer;
use tower_resilience::timelimiter::TimeLimiterLayer;

use super::{OURS, inner::Echo, subject::Subject};

const CASE: &str = "timeout";
const LIMIT: Duration = Duration::from_secs(60);

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let total = Timeouts { total: Some(LIMIT), first_content: None, idle: None, answer: None };
    let ours = TimeoutLayer::new(total)?.classify(ByError);
    let peer = TimeLimiterLayer::builder().timeout_duration(LIMIT).build();
    let tower = tower::timeout::TimeoutLayer::new(LIMIT);
    Ok(vec![
        Subject::service(CASE, OURS, ours.layer(Echo)),
        Subject::service(CASE, "tower-resilience", peer.layer(Echo)),
        Subject::service(CASE, "tower", tower.layer(Echo)),
    ])
}
