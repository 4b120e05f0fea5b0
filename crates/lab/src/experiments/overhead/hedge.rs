//! A hedge that knows how long calls take, over a service that answers long before that.

use std::time::Duration;

use buttress_call::{BoxError, ByError};
use buttress_hedge::HedgeLayer;
use tower::{
    Layer,
    hedge::{Hedge, Policy},
};
use tower_resilience::hedge::HedgeLayer as PeerLayer;

use super::{OURS, inner::Echo, subject::Subject};

const CASE: &str = "hedge";
const BUDGET: f64 = 0.05;
const DELAY: Duration = Duration::from_secs(1);
/// Longer than any run, so that what tower knows stays as it is.
const PERIOD: Duration = Duration::from_secs(86_400);
const SAMPLES: u64 = 50;

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let ours = HedgeLayer::budget(BUDGET)?.classify(ByError);
    let peer = PeerLayer::builder().delay(DELAY).max_hedged_attempts(2).build();
    Ok(vec![
        Subject::service(CASE, OURS, ours.layer(Echo)),
        Subject::service(CASE, "tower-resilience", peer.layer(Echo)),
        // Nothing of it can be cloned: two threads have one each, and share nothing.
        Subject::made(CASE, "tower", tower),
    ])
}

/// As it is once it has seen calls of this service, each rounded up to 1 ms. Before that it prepares no second try, which
/// takes a third less; the longer the calls it has seen, the more it takes.
fn tower() -> Hedge<Echo, Always> {
    Hedge::new_with_mock_latencies(Echo, Always, SAMPLES, 1.0 - BUDGET as f32, PERIOD, &[1; SAMPLES as usize])
}

#[derive(Clone, Copy, Debug)]
struct Always;

impl Policy<u64> for Always {
    fn clone_request(&self, request: &u64) -> Option<u64> {
        Some(*request)
    }

    fn can_retry(&self, _: &u64) -> bool {
        true
    }
}
