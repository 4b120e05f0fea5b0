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

use super::{OURS, PEER, inner::Plain, subject::Subject};

pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    Ok(vec![
        Subject::service(case, OURS, ours().layer(inner.clone())),
        Subject::service(case, PEER, peer()?.layer(inner.clone())),
        Subject::service(case, "tower", tower::retry::RetryLayer::new(Budgeted::new()).layer(inner)),
    ])
}

pub(super) fn ours() -> RetryLayer<ByError> {
    RetryLayer::new(RetryPolicy::default().classify(ByError))
}

/// Three attempts, as ours, and a budget of tokens.
pub(super) fn peer<Req, Res, E>() -> Result<PeerLayer<Req, Res, E>, BoxError>
where
    Req: 'static,
    Res: 'static,
    E: 'static,
{
    Ok(PeerLayer::builder()
        .max_attempts(3)
        .exponential_backoff(Duration::from_millis(500))
        .budget(RetryBudgetBuilder::new().token_bucket().build()?)
        .build())
}

/// The least that a user of tower's `Retry` writes: a budget, no wait.
#[derive(Clone, Debug)]
pub(super) struct Budgeted {
    budget: Arc<TpsBudget>,
}

impl Budgeted {
    pub(super) fn new() -> Self {
        Budgeted { budget: Arc::new(TpsBudget::new(Duration::from_secs(10), 10, 0.2)) }
    }
}

impl<Req: Clone, Res, E> Policy<Req, Res, E> for Budgeted {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut Req, result: &mut Result<Res, E>) -> Option<Ready<()>> {
        if result.is_ok() {
            self.budget.deposit();
            return None;
        }
        self.budget.withdraw().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}
