//! A hedge that knows how long calls take, over a service that answers long before that.

use std::time::Duration;

use buttress_call::{BoxError, ByError};
use buttress_hedge::HedgeLayer;
use tower::{
    Layer,
    hedge::{Hedge, Policy},
};
use tower_resilience::hedge::HedgeLayer as PeerLayer;

use super::{OURS, PEER, inner::Plain, subject::Subject};

pub(super) const BUDGET: f64 = 0.05;
const DELAY: Duration = Duration::from_secs(1);
/// Longer than any run, so that what tower knows stays as it is.
const PERIOD: Duration = Duration::from_secs(86_400);
const SAMPLES: u64 = 50;

pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    let ours = HedgeLayer::budget(BUDGET)?.classify(ByError);
    Ok(vec![
        Subject::service(case, OURS, ours.layer(inner.clone())),
        Subject::service(case, PEER, peer().layer(inner.clone())),
        // Nothing of it can be cloned: two threads have one each, and share nothing.
        Subject::made(case, "tower", move || tower(inner.clone())),
    ])
}

pub(super) fn peer() -> PeerLayer {
    PeerLayer::builder().delay(DELAY).max_hedged_attempts(2).build()
}

/// As it is once it has seen calls of this service, each rounded up to 1 ms. Before that it prepares no second try, which
/// takes a third less; the longer the calls it has seen, the more it takes.
fn tower<S: Plain>(inner: S) -> Hedge<S, Always> {
    Hedge::new_with_mock_latencies(
        inner,
        Always,
        SAMPLES,
        1.0 - BUDGET as f32,
        PERIOD,
        &[1; SAMPLES as usize],
    )
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
