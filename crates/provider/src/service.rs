//! The service.

use std::task::{Context, Poll};

use buttress_call::{BoxError, Call};
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

use crate::{ProviderBody, future::ResponseFuture, layer::Config};

/// A client of one provider. Made by [`ProviderLayer`](crate::ProviderLayer).
#[derive(Clone, Debug)]
pub struct ProviderService<S> {
    // Cloning clones the client's readiness only as far as the client itself does; nothing is held here.
    inner: S,
    config: Config,
}

impl<S> ProviderService<S> {
    pub(crate) fn new(inner: S, config: Config) -> Self {
        ProviderService { inner, config }
    }
}

impl<S, B> Service<Request<Full<Bytes>>> for ProviderService<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Response = Response<ProviderBody<B>>;
    type Error = BoxError;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let rewritten = self.config.endpoint.rewrite(&mut parts, bytes_of(body));
        let progress = Call::get_or_insert(&mut parts.extensions).ensure_progress().clone();
        let (body, asked) = match rewritten {
            Ok(rewritten) => rewritten,
            Err(error) => return ResponseFuture::unsent(error.into(), self.config.clone(), progress),
        };
        progress.mark_sent();
        let future = self.inner.call(Request::from_parts(parts, Full::new(body)));
        ResponseFuture::new(future, self.config.clone(), asked, progress)
    }
}

/// The bytes of a body that is there already.
fn bytes_of(mut body: Full<Bytes>) -> Bytes {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(&mut body).poll_frame(&mut cx) {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        // A `Full` is never pending; it ends at once when it is empty.
        _ => Bytes::new(),
    }
}
