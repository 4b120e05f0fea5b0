//! The floor: hyper on both sides, and nothing in between but the address.

use buttress_call::BoxError;
use http::{Request, Uri, header, uri};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::TcpListener;

/// Serves until the process ends. Says where, as the gateway does.
pub(super) async fn serve(provider: &str) -> Result<(), BoxError> {
    let target: Uri = provider.parse()?;
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Client<_, Incoming> = Client::builder(TokioExecutor::new()).build(connector);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (client, target) = (client.clone(), target.clone());
        let service = service_fn(move |request: Request<Incoming>| forward(request, &client, &target));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn forward(
    mut request: Request<Incoming>,
    client: &Client<HttpConnector, Incoming>,
    target: &Uri,
) -> hyper_util::client::legacy::ResponseFuture {
    let mut parts = target.clone().into_parts();
    parts.path_and_query =
        Some(request.uri().path_and_query().cloned().unwrap_or(uri::PathAndQuery::from_static("/")));
    // A scheme, an authority and a path are always a URI.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    request.headers_mut().remove(header::HOST);
    client.request(request)
}
