//! How connections come about.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::BoxError;
use http::Uri;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::{ClientSettings, InvalidClient, Roots};

/// A connector whose time-out covers all of a connection: the name, TCP and TLS.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector>,
    within: Duration,
}

impl Connector {
    pub(super) fn new(settings: &ClientSettings) -> Result<Self, InvalidClient> {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(settings.tcp_keep_alive);
        tcp.set_keepalive_interval(settings.tcp_keep_alive);
        tcp.set_keepalive_retries(settings.tcp_keep_alive.map(|_| 5));
        let builder = HttpsConnectorBuilder::new().with_tls_config(tls(&settings.roots)?).https_or_http();
        let inner = match settings.http2 {
            Some(_) => builder.enable_all_versions().wrap_connector(tcp),
            None => builder.enable_http1().wrap_connector(tcp),
        };
        Ok(Connector { inner, within: settings.connect_timeout })
    }
}

fn tls(roots: &Roots) -> Result<ClientConfig, InvalidClient> {
    // Named, because the process may have another one as its default.
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| InvalidClient::because("TLS", error))?;
    let builder = match roots {
        Roots::System => builder.with_native_roots().map_err(|error| {
            InvalidClient::because("the system has no root certificates, and SSL_CERT_FILE names none", error)
        })?,
        Roots::Pem(pem) => builder.with_root_certificates(store(pem)?),
        Roots::None => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

fn store(pem: &[u8]) -> Result<RootCertStore, InvalidClient> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| InvalidClient::because("roots: no PEM", error))?;
        store
            .add(certificate)
            .map_err(|error| InvalidClient::because("roots: no root certificate", error))?;
    }
    if store.is_empty() {
        return Err(InvalidClient::new("roots: there is no certificate in the PEM"));
    }
    Ok(store)
}

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (connecting, within) = (self.inner.call(uri), self.within);
        Box::pin(async move {
            timeout(within, connecting).await.unwrap_or_else(|_| {
                let message = format!("it took longer than {within:?}");
                Err(io::Error::new(io::ErrorKind::TimedOut, message).into())
            })
        })
    }
}
