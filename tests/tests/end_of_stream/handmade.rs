//! Servers and gateways of the tests' own.

use std::{future::Future, net::SocketAddr, time::Duration};

use buttress_call::{BoxError, Ended};
use buttress_provider::{BufferLayer, ProviderLayer};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tower::{Layer, ServiceExt};

use crate::line::{client, completion};

/// A server whose answers are made by a closure; stops when dropped.
pub(crate) struct Handmade {
    pub(crate) address: SocketAddr,
    pub(crate) accepting: JoinHandle<()>,
}

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

impl Handmade {
    pub(crate) async fn new<F, Fut>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Response<AnyBody>, BoxError>> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let service = service_fn(answer.clone());
                tokio::spawn(async move {
                    // A connection that a test cuts is no error of the test.
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Handmade { address, accepting }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Handmade {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A gateway: our service behind a hyper server. Tells how each call ended.
pub(crate) async fn gateway(layer: ProviderLayer) -> (Handmade, mpsc::UnboundedReceiver<Ended>) {
    let (tell, told) = mpsc::unbounded_channel();
    let service = BufferLayer::default().layer(layer.layer(client()));
    let serve = move |request: Request<Incoming>| {
        let (service, tell) = (service.clone(), tell.clone());
        async move {
            let answer = service.oneshot(request).await?;
            completion(&answer).on_end(move |ended| {
                // Nobody listens any more at the end of a test.
                let _ = tell.send(*ended);
            });
            Ok(answer.map(BodyExt::boxed_unsync))
        }
    };
    (Handmade::new(serve).await, told)
}

pub(crate) async fn told(ends: &mut mpsc::UnboundedReceiver<Ended>) -> Ended {
    timeout(Duration::from_secs(3), ends.recv()).await.expect("the end is told").unwrap()
}
