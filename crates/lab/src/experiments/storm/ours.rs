//! Our arm: the real layer, with its default budget, shared by all clients.

use buttress_call::{BoxError, ByError};
use buttress_retry::{Retries, RetryLayer, RetryPolicy};

use super::sdk;

/// As many retries as the SDK's.
pub(super) fn layer(seed: u64) -> Result<RetryLayer<ByError>, BoxError> {
    let retries = Retries { attempts: sdk::ATTEMPTS, ..Retries::default() };
    Ok(RetryLayer::new(RetryPolicy::new(retries)?.seed(seed).classify(ByError)))
}
