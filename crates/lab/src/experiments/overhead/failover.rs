//! Two targets, of which the first one is good.

use buttress_call::{BoxError, ByError};
use buttress_failover::Failover;
use tower::{
    Layer,
    balance::p2c::Balance,
    discover::ServiceList,
    load::{CompleteOnResponse, PendingRequests},
};
use tower_resilience::fallback::FallbackLayer;

use super::{
    OURS, PEER,
    inner::{Failed, Plain},
    subject::Subject,
};

pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    let ours = Failover::in_order([("first", inner.clone()), ("second", inner.clone())])?.classify(ByError);
    let peer = FallbackLayer::<u64, u64, Failed>::tower_service(inner.clone());
    Ok(vec![
        Subject::service(case, OURS, ours),
        Subject::service(case, PEER, peer.layer(inner.clone())),
        // No failover, but a choice of two. It cannot be cloned: two threads have one each, and share nothing.
        Subject::made(case, "tower", move || {
            let targets =
                [(); 2].map(|()| PendingRequests::new(inner.clone(), CompleteOnResponse::default()));
            Balance::new(ServiceList::new::<u64>(targets))
        }),
    ])
}
