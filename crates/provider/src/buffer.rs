//! Makes any request body one that can be sent again.

use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Call, Error, Kind, Origin};
use buttress_wire::Dialect;
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, request};
use http_body::Body;
use http_body_util::Full;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

/// The largest body: the largest request that a big provider takes (Anthropic: 32 MB).
const DEFAULT_LIMIT: usize = 32 << 20;

/// Collects the request's body, so that every layer inside can send it again at no cost.
///
/// It stands outside of everything that may send a request twice. It also reads what the body asks for, once, and
/// leaves it in the [`Call`]: layers inside know from the start whether the answer is a stream.
///
/// A body over the limit is an error of kind [`Invalid`](Kind::Invalid) with status 413, whose source is a
/// [`BodyTooLarge`], before anything is sent. Dropping the future drops the body; the inner service is made ready only
/// when the body is there, so that a slow upload holds no permit of it.
///
/// ```
/// use buttress_provider::BufferLayer;
///
/// let layer = BufferLayer::default().limit(4 << 20);
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct BufferLayer {
    limit: usize,
}

impl Default for BufferLayer {
    fn default() -> Self {
        BufferLayer { limit: DEFAULT_LIMIT }
    }
}

impl BufferLayer {
    /// The largest body, in bytes. Default: 32 MiB.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

impl<S> Layer<S> for BufferLayer {
    type Service = Buffered<S>;

    fn layer(&self, inner: S) -> Buffered<S> {
        Buffered { inner, limit: self.limit }
    }
}

/// A service whose requests' bodies are collected first. Made by [`BufferLayer`].
#[derive(Clone, Debug)]
pub struct Buffered<S> {
    inner: S,
    limit: usize,
}

impl<S, B> Service<Request<B>> for Buffered<S>
where
    S: Service<Request<Full<Bytes>>> + Clone,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BufferFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The inner service is made ready when there is something to send.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        BufferFuture {
            state: State::Collecting { body, collected: BytesMut::new(), parts: Some(parts) },
            service: self.inner.clone(),
            limit: self.limit,
        }
    }
}

pin_project! {
    /// The response of [`Buffered`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BufferFuture<S, B>
    where
        S: Service<Request<Full<Bytes>>>,
    {
        #[pin]
        state: State<S::Future, B>,
        service: S,
        limit: usize,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F, B> {
        Collecting { #[pin] body: B, collected: BytesMut, parts: Option<request::Parts> },
        Collected { request: Option<Request<Full<Bytes>>>, marker: PhantomData<B> },
        Calling { #[pin] future: F },
    }
}

impl<S, B> Future for BufferFuture<S, B>
where
    S: Service<Request<Full<Bytes>>>,
    S::Error: Into<BoxError>,
    B: Body,
    B::Error: Into<BoxError>,
{
    type Output = Result<S::Response, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.state.as_mut().project() {
                StateProj::Collecting { body, collected, parts } => {
                    let body = ready!(poll_collect(body, collected, *this.limit, cx))?;
                    let mut parts = parts.take().expect("the parts are taken once, here");
                    keep_shape(&mut parts, &body);
                    let request = Some(Request::from_parts(parts, Full::new(body)));
                    this.state.set(State::Collected { request, marker: PhantomData });
                }
                StateProj::Collected { request, .. } => {
                    ready!(this.service.poll_ready(cx)).map_err(Into::into)?;
                    let request = request.take().expect("the request is taken once, here");
                    let future = this.service.call(request);
                    this.state.set(State::Calling { future });
                }
                StateProj::Calling { future } => return future.poll(cx).map_err(Into::into),
            }
        }
    }
}

fn poll_collect<B>(
    mut body: Pin<&mut B>,
    collected: &mut BytesMut,
    limit: usize,
    cx: &mut Context<'_>,
) -> Poll<Result<Bytes, BoxError>>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    use bytes::Buf;

    // A declared length says it before the first byte.
    if body.size_hint().lower() > limit.saturating_sub(collected.len()) as u64 {
        return Poll::Ready(Err(too_large(limit)));
    }
    while let Some(frame) = ready!(body.as_mut().poll_frame(cx)) {
        let frame = frame.map_err(|error| {
            let message = "the request's own body broke off";
            Error::new(Kind::Invalid, Origin::Layer("buffer"), message).with_source(error)
        })?;
        // Trailers of a request mean nothing to a provider.
        let Ok(mut data) = frame.into_data() else { continue };
        if data.remaining() > limit - collected.len() {
            return Poll::Ready(Err(too_large(limit)));
        }
        if collected.is_empty() && body.is_end_stream() {
            // All in one piece: taken as it is.
            return Poll::Ready(Ok(data.copy_to_bytes(data.remaining())));
        }
        while data.has_remaining() {
            let chunk = data.chunk();
            collected.extend_from_slice(chunk);
            let read = chunk.len();
            data.advance(read);
        }
    }
    Poll::Ready(Ok(collected.split().freeze()))
}

/// Leaves what the request asks for in the call.
fn keep_shape(parts: &mut request::Parts, body: &[u8]) {
    let call = Call::get_or_insert(&mut parts.extensions);
    if call.shape().is_none()
        && let Ok(shape) = buttress_wire::shape_at(Dialect::OpenAi, parts.uri.path(), body)
    {
        call.set_shape(shape.into());
    }
}

fn too_large(limit: usize) -> BoxError {
    Error::by_layer(Kind::Invalid, "buffer", BodyTooLarge { limit })
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        .into()
}

/// The request's body is over [`BufferLayer`]'s limit. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTooLarge {
    limit: usize,
}

impl BodyTooLarge {
    /// The limit, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for BodyTooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the request's body is over the limit of {} bytes", self.limit)
    }
}

impl std::error::Error for BodyTooLarge {}

impl<S, B> fmt::Debug for BufferFuture<S, B>
where
    S: Service<Request<Full<Bytes>>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferFuture").field("limit", &self.limit).finish_non_exhaustive()
    }
}
