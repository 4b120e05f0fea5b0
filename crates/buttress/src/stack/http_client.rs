//! What a target stands on.

use buttress_call::BoxError;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower::Service;

/// An HTTP client that a target can stand on: nothing to implement.
///
/// Every `Service<http::Request<Full<Bytes>>>` that answers with an `http::Response` of any body is one, if it can be
/// cloned and sent between threads: hyper-util's client, reqwest's behind a `tower::Service`, a simulated provider.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no HTTP client that a target can stand on",
    note = "it must be a `tower::Service<http::Request<http_body_util::Full<bytes::Bytes>>>` that answers with an \
            `http::Response`, and be `Clone + Send + Sync + 'static`",
    note = "a typed client takes the layers one by one, with `.classify(ByError)` or `.classify(classify_fn(..))`"
)]
pub trait HttpClient:
    Service<
        Request<Full<Bytes>>,
        Response = Response<Self::Body>,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Clone
    + Send
    + Sync
    + 'static
{
    /// The body of its answers.
    type Body: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static;
}

#[diagnostic::do_not_recommend]
impl<C, B> HttpClient for C
where
    C: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
    C::Error: Into<BoxError>,
    C::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Body = B;
}
