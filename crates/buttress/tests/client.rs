//! The pooled client, on loopback.

#![cfg(all(feature = "client", feature = "full"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;
#[path = "support/tls.rs"]
mod tls;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use buttress::{
    BoxError, Error, Kind,
    client::{Client, ClientSettings, Http2, Roots},
    find, presets,
    provider::Provider,
    stack::Target,
};
use buttress_sim::Sim;
use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use support::{call, sim};
use tls::Tls;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::Instant,
};
use tower::ServiceExt;

/// For servers on loopback, where no test needs the system's roots.
fn settings() -> ClientSettings {
    ClientSettings { roots: Roots::None, ..ClientSettings::default() }
}

fn get(uri: &str) -> Request<Full<Bytes>> {
    Request::get(uri).header("authorization", "Bearer any").body(Full::default()).unwrap()
}

async fn ask(client: &Client, uri: &str) -> Result<(Version, Bytes), BoxError> {
    let response = client.clone().oneshot(get(uri)).await?;
    Ok((response.version(), response.into_body().collect().await?.to_bytes()))
}

async fn kind(client: &Client, uri: &str) -> (Kind, String) {
    let error = ask(client, uri).await.unwrap_err();
    let kind = find(&error).map(Error::kind).unwrap();
    (kind, error.to_string())
}

/// Waits for what must come soon, without a guess at how soon.
async fn until(what: impl Fn() -> bool) {
    let soon = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), soon).await.unwrap();
}

fn connections(sim: &Sim) -> Vec<u64> {
    sim.log().iter().map(|seen| seen.connection).collect()
}

#[tokio::test]
async fn calls_share_the_connections_of_a_pool_and_other_pools_have_their_own() {
    let sim = sim("sim");
    let server = sim.serve().await.unwrap();
    let uri = format!("{}/v1/models", server.base_url());
    let client = Client::new(settings()).unwrap();
    for pool in [client.clone(), client.clone(), client.own_pool()] {
        ask(&pool, &uri).await.unwrap();
    }
    assert_eq!(connections(&sim), [1, 1, 2]);
}

#[tokio::test]
async fn an_unused_connection_is_kept_for_as_long_as_the_settings_say() {
    let sim = sim("sim");
    let server = sim.serve().await.unwrap();
    let uri = format!("{}/v1/models", server.base_url());
    let brief = ClientSettings { idle_timeout: Duration::from_millis(100), ..settings() };
    let client = Client::new(brief).unwrap();
    ask(&client, &uri).await.unwrap();
    until(|| sim.open_connections() == 0).await;
}

#[tokio::test]
async fn no_more_unused_connections_are_kept_than_the_settings_say() {
    let sim = sim("sim");
    let server = sim.serve().await.unwrap();
    let uri = format!("{}/v1/models", server.base_url());
    let client = Client::new(ClientSettings { max_idle: 2, ..settings() }).unwrap();
    // Eight at once, each with a connection of its own; none is given back before all are there.
    let heads = (0..8).map(|_| client.clone().oneshot(get(&uri)));
    let heads = futures_util::future::try_join_all(heads).await.unwrap();
    assert!(sim.open_connections() > 2);
    for head in heads {
        head.into_body().collect().await.unwrap();
    }
    until(|| sim.open_connections() == 2).await;
    let none = Client::new(ClientSettings { max_idle: 0, ..settings() }).unwrap();
    ask(&none, &uri).await.unwrap();
    until(|| sim.open_connections() == 2).await;
}

#[tokio::test]
async fn a_call_that_is_given_up_closes_its_connection() {
    let sim = sim("sim");
    let server = sim.serve().await.unwrap();
    let client = Client::new(settings()).unwrap();
    let stack = presets::interactive()
        .target("sim", Provider::compatible("sim", server.base_url()).api_key("any"), client)
        .unwrap();
    let response = stack.clone().oneshot(support::request(true)).await.unwrap();
    drop(response);
    until(|| sim.open_connections() == 0 && sim.in_flight() == 0).await;
}

#[tokio::test]
async fn where_nobody_listens_there_was_no_connection() {
    let socket = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    drop(socket);
    let client = Client::new(settings()).unwrap();
    let (kind, message) = kind(&client, &format!("http://{address}/?secret=x")).await;
    assert_eq!(kind, Kind::Connect);
    assert!(message.starts_with("no connection to 127.0.0.1: ") && !message.contains("secret"), "{message}");
}

/// A listener whose queue is full, so that no more connections come about; and what fills it.
async fn deaf() -> (SocketAddr, impl Sized) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(300), TcpStream::connect(address)).await
    {
        queue.push(stream);
        assert!(queue.len() < 100, "the queue never fills");
    }
    (address, (listener, queue))
}

#[tokio::test]
async fn a_connection_that_does_not_come_about_in_time_is_given_up() {
    let (address, _full) = deaf().await;
    let client = Client::new(ClientSettings { connect_timeout: Duration::from_millis(200), ..settings() });
    let began = Instant::now();
    let (kind, message) = kind(&client.unwrap(), &format!("http://{address}/")).await;
    assert_eq!(kind, Kind::Connect);
    assert!(message.ends_with("it took longer than 200ms"), "{message}");
    assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&began.elapsed()));
}

#[tokio::test]
async fn the_time_to_connect_has_that_for_tls_in_it() {
    // It accepts, and says nothing.
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = Client::new(ClientSettings { connect_timeout: Duration::from_millis(200), ..settings() });
    let (kind, message) = kind(&client.unwrap(), &format!("https://{address}/")).await;
    assert_eq!(kind, Kind::Connect);
    assert!(message.ends_with("it took longer than 200ms"), "{message}");
}

#[tokio::test]
async fn an_answer_over_tls_comes_from_whom_the_roots_trust() {
    let server = Tls::serve(&["http/1.1"]).await;
    let uri = format!("https://localhost:{}/", server.port);
    let trusting = ClientSettings { roots: Roots::Pem(server.pem.clone().into()), ..settings() };
    let (version, body) = ask(&Client::new(trusting).unwrap(), &uri).await.unwrap();
    assert_eq!((version, &*body), (Version::HTTP_11, &b"hello"[..]));

    let (kind, message) = kind(&Client::new(settings()).unwrap(), &uri).await;
    assert_eq!(kind, Kind::Connect);
    assert!(message.contains("certificate"), "{message}");
}

#[tokio::test]
async fn http2_is_spoken_where_both_want_it() {
    let server = Tls::serve(&["h2", "http/1.1"]).await;
    let uri = format!("https://localhost:{}/", server.port);
    for (http2, version) in [(Some(Http2::default()), Version::HTTP_2), (None, Version::HTTP_11)] {
        let roots = Roots::Pem(server.pem.clone().into());
        let client = Client::new(ClientSettings { http2, roots, ..settings() }).unwrap();
        assert_eq!(ask(&client, &uri).await.unwrap().0, version);
    }
}

#[tokio::test]
async fn targets_over_pools_of_their_own_serve_as_one_stack() {
    let [a, b] = [sim("a"), sim("b")];
    let servers = [a.serve().await.unwrap(), b.serve().await.unwrap()];
    let client = Client::new(settings()).unwrap();
    let policies = presets::high_throughput();
    let targets = ["a", "b"].into_iter().zip(&servers).map(|(name, server)| {
        let provider = Provider::compatible(name, server.base_url()).api_key("any");
        Target::new(name, provider, client.own_pool(), &policies).unwrap()
    });
    let stack = policies.stack(targets).unwrap();
    assert_eq!(call(&stack, true).await.unwrap(), "a");
    let [first, _] = servers;
    drop(first);
    assert_eq!(call(&stack, true).await.unwrap(), "b");
}

#[test]
fn what_makes_no_sense_is_refused_with_the_setting_and_the_rule() {
    let zero = Duration::ZERO;
    let http2 = Http2 { ping_every: zero, ..Http2::default() };
    for (settings, message) in [
        (
            ClientSettings { connect_timeout: zero, ..settings() },
            "client: connect_timeout = 0s: must be above zero",
        ),
        (ClientSettings { idle_timeout: zero, ..settings() }, "client: idle_timeout = 0s: must"),
        (ClientSettings { tcp_keep_alive: Some(zero), ..settings() }, "client: tcp_keep_alive = 0s: must"),
        (ClientSettings { http2: Some(http2), ..settings() }, "client: http2.ping_every = 0s: must"),
        (
            ClientSettings { roots: Roots::Pem(b"what?".into()), ..settings() },
            "client: roots: there is no certificate",
        ),
    ] {
        let error = Client::new(settings).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
