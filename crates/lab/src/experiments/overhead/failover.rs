//! Two targets, of which the first one is good.

use buttress_call::{BoxError, ByError};
use buttress_failover::Failover;
use tower::Layer;
use tower_resilience::fallback::FallbackLayer;

use super::{
    OURS,
    inner::{Echo, Failed},
    subject::Subject,
};

const CASE: &str = "failover";

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let ours = Failover::in_order([("first", Echo), ("second", Echo)])?.classify(ByError);
    let peer = FallbackLayer::<u64, u64, Failed>::tower_service(Echo);
    Ok(vec![
        Subject::service(CASE, OURS, ours),
        Subject::service(CASE, "tower-resilience", peer.layer(Echo)),
        Subject::service(CASE, "target_alone", Echo),
    ])
}
