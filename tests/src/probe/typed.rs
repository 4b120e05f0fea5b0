//! The same probe as a typed client, without HTTP.

use std::task::{Context, Poll};

use buttress_call::{BoxError, Call};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use http_body_util::Empty;
use tower::ServiceExt;
use tower_service::Service;

use super::{Probe, Request};

/// A typed request. It has a place for its `Call`.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// What travels beside it.
    pub call: Call,
}

/// A typed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer;

/// A [`Probe`] that is asked and answers in types.
#[derive(Clone, Debug)]
pub struct TypedProbe(pub Probe);

impl Service<Ask> for TypedProbe {
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_readiness(cx)
    }

    fn call(&mut self, _: Ask) -> Self::Future {
        // The future of a typed client ends the call: there is no body to read.
        self.0.answer(None).map(|body| body.map(|_| Answer)).boxed()
    }
}

/// A typed stack behind the requests of the other stacks, so that the same checks go through both.
pub fn untyped<S>(
    stack: S,
) -> impl Service<
    Request,
    Response = http::Response<Empty<Bytes>>,
    Error = S::Error,
    Future = impl Future<Output = Result<http::Response<Empty<Bytes>>, S::Error>> + Send,
> + Clone
+ Send
+ Sync
where
    S: Service<Ask, Response = Answer, Future: Send> + Clone + Send + Sync,
    S::Error: Send,
{
    stack
        .map_request(|mut request: Request| Ask {
            call: request.extensions_mut().remove().unwrap_or_default(),
        })
        .map_response(|Answer| http::Response::new(Empty::new()))
}
