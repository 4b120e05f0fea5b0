//! What a stack answers with.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::BoxError;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use pin_project_lite::pin_project;
use tower::Service;

use super::service::Layers;
use crate::timeout::TimeoutBody;

pin_project! {
    /// The body of a stack's answers: the provider's bytes as they came, and an error at the end if the answer broke.
    ///
    /// Dropping it drops the client's body at once, which closes the connection.
    pub struct ResponseBody {
        #[pin]
        body: TimeoutBody<UnsyncBoxBody<Bytes, BoxError>>,
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of a [`Stack`](super::Stack): resolves at the first content of a stream, or with a whole answer.
    ///
    /// Dropping it gives up every attempt under way.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<B>
    where
        B: Body,
        B::Error: Into<BoxError>,
    {
        #[pin]
        future: <Layers as Service<Request<B>>>::Future,
    }
}

impl<B> ResponseFuture<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    pub(super) fn new(future: <Layers as Service<Request<B>>>::Future) -> Self {
        ResponseFuture { future }
    }
}

impl<B> Future for ResponseFuture<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.project().future.poll(cx))?;
        Poll::Ready(Ok(response.map(|body| ResponseBody { body })))
    }
}

impl<B> fmt::Debug for ResponseFuture<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
