//! A wire that can be cut: between a client and a server, on loopback.

use std::{io, net::SocketAddr, time::Duration};

use buttress_tests::probe::Request;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};
use tower::{ServiceBuilder, util::MapRequest};

/// What the wire does with what is put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Carries it.
    Whole,
    /// Holds it back: connections are accepted, and nothing flows.
    Partitioned,
    /// Carries so many bytes of a connection's answers, and then resets it.
    ResetAfter(usize),
}

/// A port that leads to another one.
#[derive(Debug)]
pub(crate) struct Door {
    port: u16,
    wire: watch::Sender<Wire>,
}

/// A plain client whose every call goes through a door.
pub(crate) type Through<F> = MapRequest<Client<HttpConnector, Full<Bytes>>, F>;

impl Door {
    pub(crate) async fn to(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (wire, state) = watch::channel(Wire::Whole);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connect(client, server, state.clone()));
            }
        });
        Ok(Door { port, wire })
    }

    pub(crate) fn is(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    pub(crate) fn client(&self) -> Through<impl Fn(Request) -> Request + Clone + use<>> {
        let port = self.port;
        let client =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(1)).build_http();
        let there = move |mut request: Request| {
            let path = request.uri().path().to_owned();
            *request.uri_mut() = format!("http://127.0.0.1:{port}{path}").parse().unwrap();
            request
        };
        ServiceBuilder::new().map_request(there).service(client)
    }
}

async fn connect(client: TcpStream, server: SocketAddr, wire: watch::Receiver<Wire>) -> io::Result<()> {
    let (client_reads, client_writes) = client.into_split();
    let (server_reads, server_writes) = TcpStream::connect(server).await?.into_split();
    // Whichever side closes first closes both.
    tokio::select! {
        end = carry(client_reads, server_writes, wire.clone(), |_| None) => end,
        end = carry(server_reads, client_writes, wire, |wire| match wire {
            Wire::ResetAfter(bytes) => Some(bytes),
            Wire::Whole | Wire::Partitioned => None,
        }) => end,
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
    limit: impl Fn(Wire) -> Option<usize>,
) -> io::Result<()> {
    let (mut buffer, mut carried) = ([0; 1024], 0);
    loop {
        let read = from.read(&mut buffer).await?;
        let now = *wire.wait_for(|wire| *wire != Wire::Partitioned).await.map_err(io::Error::other)?;
        carried += read;
        if read == 0 || limit(now).is_some_and(|limit| carried > limit) {
            return if read == 0 { Ok(()) } else { to.as_ref().set_zero_linger() };
        }
        to.write_all(&buffer[..read]).await?;
    }
}
