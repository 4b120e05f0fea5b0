//! The provider in process: a tower service whose futures and bodies hold all there is, so that dropping one is the
//! client hanging up.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{SimBody, SimError, answer::answer, call::Call, sim::Shared};

/// A [`Sim`](crate::Sim) as a service: always ready, any number of calls at a time.
#[derive(Clone)]
pub struct SimService {
    sim: Arc<Shared>,
    connection: u64,
}

impl SimService {
    pub(crate) fn new(sim: Arc<Shared>, connection: u64) -> Self {
        Self { sim, connection }
    }
}

impl<B> Service<Request<B>> for SimService
where
    B: Body + Send + 'static,
{
    type Response = Response<SimBody>;
    type Error = SimError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SimError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let call = Call::arrive(self.sim.clone(), &request, self.connection);
        ResponseFuture { answer: Box::pin(answer(call, request)) }
    }
}

impl fmt::Debug for SimService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimService").field("sim", &self.sim.name).finish_non_exhaustive()
    }
}

/// A call on its way to its head. Dropping it is what the provider sees as a cancelled call.
#[must_use = "futures do nothing unless polled"]
pub struct ResponseFuture {
    answer: Pin<Box<dyn Future<Output = Result<Response<SimBody>, SimError>> + Send>>,
}

impl Future for ResponseFuture {
    type Output = Result<Response<SimBody>, SimError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.answer.as_mut().poll(cx)
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
