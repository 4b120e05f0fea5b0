//! The client.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use buttress_call::BoxError;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{ClientSettings, InvalidClient, connector::Connector, error};

/// A client over a pool of connections: hyper-util's, with rustls. See the [module](super).
///
/// It answers with hyper's [`Incoming`]. Clones share the pool. Dropping a future or a body gives up the call: its HTTP/1.1
/// connection is closed.
///
/// # Errors
///
/// Where no connection came about, an [`Error`](crate::Error) of kind [`Connect`](crate::Kind::Connect): nothing was sent.
/// Any other error is hyper-util's own, which `ProviderLayer` reads.
///
/// # Panics
///
/// A call needs a tokio runtime with its drivers enabled; connections are tasks of it.
#[derive(Clone)]
pub struct Client {
    // One count to clone: layers clone a client for each call, and hyper-util's is many counts.
    shared: Arc<Shared>,
}

struct Shared {
    pool: legacy::Client<Connector, Full<Bytes>>,
    connector: Connector,
    settings: ClientSettings,
}

impl Client {
    /// A client with these settings, and a pool.
    ///
    /// # Errors
    ///
    /// If a time is zero, or there are no roots; the error names the setting and the rule.
    pub fn new(settings: ClientSettings) -> Result<Self, InvalidClient> {
        if let Some(field) = settings.zero() {
            return Err(InvalidClient::new(format!("{field} = 0s: must be above zero")));
        }
        let connector = Connector::new(&settings)?;
        Ok(Client::over(connector, settings))
    }

    /// A client with the same settings and the same roots, and a pool of its own.
    #[must_use]
    pub fn own_pool(&self) -> Self {
        Client::over(self.shared.connector.clone(), self.shared.settings.clone())
    }

    /// Its settings.
    pub fn settings(&self) -> &ClientSettings {
        &self.shared.settings
    }

    fn over(connector: Connector, settings: ClientSettings) -> Self {
        let pool = pool(&settings, connector.clone());
        Client { shared: Arc::new(Shared { pool, connector, settings }) }
    }
}

fn pool(settings: &ClientSettings, connector: Connector) -> legacy::Client<Connector, Full<Bytes>> {
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(settings.idle_timeout)
        .pool_max_idle_per_host(settings.max_idle);
    if let Some(http2) = settings.http2 {
        builder
            .http2_keep_alive_interval(http2.ping_every)
            .http2_keep_alive_timeout(http2.ping_timeout)
            .http2_adaptive_window(true);
    }
    builder.build(connector)
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // hyper-util's is always ready too: connections are made in the call.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> ResponseFuture {
        let host = request.uri().authority().cloned();
        ResponseFuture { future: self.shared.pool.request(request), host }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

pin_project! {
    /// The future of a [`Client`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture {
        #[pin]
        future: legacy::ResponseFuture,
        host: Option<http::uri::Authority>,
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<Incoming>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.future.poll(cx));
        let host = || this.host.as_ref().map_or("nowhere", |host| host.host());
        Poll::Ready(result.map_err(|error| error::of_call(error, host())))
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
