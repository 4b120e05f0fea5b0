//! The service that every system wraps.

use std::{
    future::{Ready, ready},
    task::{Context, Poll},
};

use buttress_call::BoxError;
use tower::Service;

/// Always ready, and answers a number with itself, at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = BoxError;
    type Future = Ready<Result<u64, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u64) -> Self::Future {
        ready(Ok(number))
    }
}
