//! Listens, and stops without losing a call.

use std::{io, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::awake::Awake;

/// Serves until `stop` resolves; then takes no new calls and waits for those under way, `drain` at most. Dropping the
/// future cuts every connection.
pub async fn serve(
    listener: TcpListener,
    router: axum::Router,
    stop: impl Future<Output = ()>,
    drain: Duration,
) {
    let service = TowerToHyperService::new(router);
    let watched = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => break,
        };
        let Some(stream) = usable(accepted).await else { continue };
        let connection = http1::Builder::new()
            // Also the time that a client has for the head of its request.
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service.clone());
        let connection = Awake::new(watched.watch(connection));
        connections.spawn(async move {
            // A client that went away, most likely; its calls are dropped with the connection.
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
    }
    drop(listener);
    tracing::info!("shutting down: no new calls, answers under way go on");
    if tokio::time::timeout(drain, watched.shutdown()).await.is_err() {
        while connections.try_join_next().is_some() {}
        tracing::warn!(cut = connections.len(), "shutting down: time is over");
    }
}

async fn usable(accepted: io::Result<(TcpStream, std::net::SocketAddr)>) -> Option<TcpStream> {
    match accepted {
        Ok((stream, _)) => {
            // Tokens are small and must not wait for each other.
            let _ = stream.set_nodelay(true);
            Some(stream)
        }
        Err(error) => {
            // Out of file descriptors, most likely: some will be free soon.
            tracing::warn!(%error, "cannot accept");
            tokio::time::sleep(Duration::from_millis(10)).await;
            None
        }
    }
}
