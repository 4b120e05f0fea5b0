//! A retry policy with a budget, whose first attempt is good.

use std::{future::Ready, sync::Arc, time::Duration};

use buttress_call::{BoxError, ByError};
use buttress_retry::{RetryLayer, RetryPolicy};
use tower::{
    Layer,
    retry::{
        Policy,
        budget::{Budget, TpsBudget},
    },
};
use tower_resilience::retry::{RetryBudgetBuilder, RetryLayer as PeerLayer};

use super::{
    OURS,
    inner::{Echo, Failed},
    subject::Subject,
};

const CASE: &str = "retry";

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let ours = RetryLayer::new(RetryPolicy::default().classify(ByError));
    let peer = PeerLayer::<u64, u64, Failed>::builder()
        .max_attempts(3)
        .exponential_backoff(Duration::from_millis(500))
        .budget(RetryBudgetBuilder::new().token_bucket().build()?)
        .build();
    let budget = Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2));
    let tower = tower::retry::RetryLayer::new(Budgeted { budget });
    Ok(vec![
        Subject::service(CASE, OURS, ours.layer(Echo)),
        Subject::service(CASE, "tower-resilience", peer.layer(Echo)),
        Subject::service(CASE, "tower", tower.layer(Echo)),
    ])
}

/// The least that a user of tower's `Retry` writes: a budget, no wait.
#[derive(Clone, Debug)]
struct Budgeted {
    budget: Arc<TpsBudget>,
}

impl Policy<u64, u64, Failed> for Budgeted {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u64, result: &mut Result<u64, Failed>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        self.budget.withdraw().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &u64) -> Option<u64> {
        Some(*request)
    }
}
