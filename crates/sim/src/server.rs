//! The provider as an HTTP/1.1 server on loopback: the same service behind real sockets.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tower_service::Service;

use crate::{SimError, SimService, sim::Shared};

/// A running server. Dropping it stops it: the port is closed and every connection is cut.
#[derive(Debug)]
#[must_use = "the server stops when this is dropped"]
pub struct Server {
    local_addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn bind(sim: Arc<Shared>, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let local_addr = listener.local_addr()?;
        Ok(Self { local_addr, accepting: tokio::spawn(accept(sim, listener)) })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// `http://127.0.0.1:PORT`, to which a client adds the path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.local_addr)
    }

    /// Stops it, and waits until the port is closed and every connection is cut. Calls in flight are not waited for.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // Aborted is how it is meant to end.
        let _ = (&mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(sim: Arc<Shared>, listener: TcpListener) {
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: some will be free soon.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let number = sim.accepted.fetch_add(1, Ordering::Relaxed) + 1;
        if sim.rules().refuses(sim.seed, number, sim.clock.elapsed()) {
            sim.refused.fetch_add(1, Ordering::Relaxed);
            reset_on_close(&stream);
        } else {
            let open = Open::new(sim.clone());
            connections.spawn(serve(open, stream, number));
        }
    }
}

async fn serve(open: Open, stream: TcpStream, number: u64) {
    // Tokens are small and must not wait for each other.
    let _ = stream.set_nodelay(true);
    let service = SimService::new(open.sim.clone(), number);
    let service = service_fn(move |request: http::Request<Incoming>| service.clone().call(request));
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if let Err(error) = (&mut connection).await
        && tears(&error)
    {
        reset_on_close(connection.into_parts().io.inner());
    }
}

/// Whether the connection ended in a fault that a client sees as a reset, rather than as a body cut short.
fn tears(error: &hyper::Error) -> bool {
    let fault = error.source().and_then(|source| source.downcast_ref::<SimError>());
    fault.is_some_and(|fault| fault.kind() != io::ErrorKind::UnexpectedEof)
}

/// Makes the close of this socket a reset.
#[allow(
    deprecated,
    reason = "lingering for no time does not block, and older tokio has no other name for it"
)]
fn reset_on_close(stream: &TcpStream) {
    let _ = stream.set_linger(Some(Duration::ZERO));
}

/// Counts one connection while it lives.
struct Open {
    sim: Arc<Shared>,
}

impl Open {
    fn new(sim: Arc<Shared>) -> Self {
        sim.connections.fetch_add(1, Ordering::Relaxed);
        Self { sim }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.sim.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
