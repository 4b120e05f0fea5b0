//! The provider behind real sockets. Real time, so all waits are short and bounded.

#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod common;

use std::{io, time::Duration};

use buttress_sim::{Ending, Fault, Latency, Model, Rule, Seen, Server, Sim, Wire};
use bytes::Bytes;
use common::{WIRES, events, is_end, json, json_of, model, post, text};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

const BOUND: Duration = Duration::from_secs(5);

/// Everything at once.
fn instant(wire: Wire) -> Model {
    let none = Latency::Fixed(Duration::ZERO);
    model(wire).first_token(none.clone()).per_token(none)
}

async fn serve(model: Model, fault: Option<Fault>) -> (Sim, Server) {
    let sim = Sim::new("a", model).unwrap();
    if let Some(fault) = fault {
        sim.inject(Rule::always(fault)).unwrap();
    }
    let server = sim.serve().await.unwrap();
    (sim, server)
}

fn client() -> Client<HttpConnector, String> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(wire: Wire, server: &Server, stream: bool) -> Request<String> {
    post(server.base_url() + &wire.path("m", stream), &json(wire, stream))
}

async fn send(client: &Client<HttpConnector, String>, request: Request<String>) -> Response<Incoming> {
    timeout(BOUND, client.request(request)).await.unwrap().unwrap()
}

/// The body as far as it came, and whether it ended well.
async fn read(mut body: Incoming) -> (Bytes, bool) {
    let mut whole = Vec::new();
    while let Some(frame) = timeout(BOUND, body.frame()).await.unwrap() {
        let Ok(frame) = frame else { return (whole.into(), false) };
        whole.extend_from_slice(&frame.into_data().unwrap());
    }
    (whole.into(), true)
}

/// A request as bytes, for clients that behave badly.
fn raw(stream: bool) -> Vec<u8> {
    let body = json(Wire::OpenAi, stream).to_string();
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: sim\r\nauthorization: Bearer any\r\n\
         content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            sleep(Duration::from_millis(2)).await;
        }
    };
    assert!(timeout(BOUND, wait).await.is_ok(), "{what}");
}

fn last(sim: &Sim) -> Seen {
    sim.log().pop().unwrap()
}

#[tokio::test]
async fn a_stream_over_http_is_the_one_in_process() {
    for wire in WIRES {
        let (sim, server) = serve(instant(wire), None).await;
        let response = send(&client(), request(wire, &server, true)).await;
        assert_eq!(response.headers()["transfer-encoding"], "chunked");
        let (body, well) = read(response.into_body()).await;
        let events = events(&body);
        assert!(well && is_end(wire, events.last().unwrap()));
        assert_eq!(text(&events), sim.expected_text(8));
        assert_eq!(last(&sim).end, Ending::Answered);
    }
}

#[tokio::test]
async fn a_whole_answer_over_http_has_a_length() {
    for wire in WIRES {
        let (sim, server) = serve(instant(wire), None).await;
        let response = send(&client(), request(wire, &server, false)).await;
        let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
        let (body, well) = read(response.into_body()).await;
        assert_eq!((body.len(), well, last(&sim).end), (length, true, Ending::Answered));
    }
}

#[tokio::test]
async fn tokens_come_one_by_one() {
    let (_sim, server) = serve(model(Wire::OpenAi), None).await;
    let mut body = send(&client(), request(Wire::OpenAi, &server, true)).await.into_body();
    let mut frames = 0;
    while body.frame().await.is_some() {
        frames += 1;
    }
    assert!(frames > 8, "{frames}");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_call() {
    let (sim, server) = serve(instant(Wire::OpenAi), None).await;
    let client = client();
    for _ in 0..2 {
        let response = send(&client, request(Wire::OpenAi, &server, true)).await;
        read(response.into_body()).await;
    }
    assert_eq!(sim.log().iter().map(|seen| seen.connection).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(sim.open_connections(), 1);
    drop(client);
    eventually("the connection closes", || sim.open_connections() == 0).await;
}

#[tokio::test]
async fn a_reset_is_a_reset_at_the_socket() {
    let (sim, server) = serve(instant(Wire::OpenAi), Some(Fault::Reset)).await;
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    socket.write_all(&raw(true)).await.unwrap();
    let error = timeout(BOUND, socket.read(&mut [0; 64])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!((last(&sim).end, last(&sim).status), (Ending::Faulted, None));
}

#[tokio::test]
async fn refused_connections_are_reset_until_the_rule_goes() {
    let (sim, server) = serve(instant(Wire::OpenAi), Some(Fault::ConnectRefused)).await;
    let client = client();
    assert!(timeout(BOUND, client.request(request(Wire::OpenAi, &server, true))).await.unwrap().is_err());
    assert!(sim.refused_connections() >= 1);
    assert!(sim.log().is_empty());
    sim.clear();
    assert_eq!(send(&client, request(Wire::OpenAi, &server, true)).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_cut_delivers_its_tokens_first() {
    for wire in WIRES {
        let (sim, server) = serve(instant(wire), Some(Fault::CutAfter { tokens: 3 })).await;
        let response = send(&client(), request(wire, &server, true)).await;
        let (body, well) = read(response.into_body()).await;
        assert!(!well);
        assert_eq!(text(&events(&body)), sim.expected_text(3));
        assert_eq!(last(&sim).end, Ending::Faulted);
    }
}

#[tokio::test]
async fn a_whole_answer_is_cut_short_of_its_length() {
    let (_sim, server) = serve(instant(Wire::OpenAi), Some(Fault::CutAfter { tokens: 0 })).await;
    let response = send(&client(), request(Wire::OpenAi, &server, false)).await;
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let (body, well) = read(response.into_body()).await;
    assert_eq!((body.len(), well), (length / 2, false));
}

#[tokio::test]
async fn a_client_that_leaves_a_black_hole_is_noticed() {
    let (sim, server) = serve(instant(Wire::OpenAi), Some(Fault::BlackHole)).await;
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    socket.write_all(&raw(true)).await.unwrap();
    eventually("the call arrives", || sim.in_flight() == 1).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(last(&sim).end, Ending::InFlight);
    drop(socket);
    eventually("the call is cancelled", || sim.in_flight() == 0).await;
    assert_eq!(last(&sim).end, Ending::Cancelled);
    eventually("the connection closes", || sim.open_connections() == 0).await;
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_stops_it() {
    for wire in WIRES {
        let (sim, server) = serve(model(wire).output_tokens(100_000), None).await;
        let path = server.base_url() + &wire.path("m", true);
        let request = post(path, &json_of(wire, true, 100_000));
        let mut body = send(&client(), request).await.into_body();
        for _ in 0..4 {
            timeout(BOUND, body.frame()).await.unwrap().unwrap().unwrap();
        }
        drop(body);
        eventually("the call is cancelled", || sim.in_flight() == 0).await;
        let seen = last(&sim);
        assert_eq!(seen.end, Ending::Cancelled);
        assert!((1..1000).contains(&seen.output_tokens_sent), "{}", seen.output_tokens_sent);
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_a_whole_answer_stops_it() {
    let (sim, server) = serve(model(Wire::OpenAi).output_tokens(100), None).await;
    let mut socket = TcpStream::connect(server.local_addr()).await.unwrap();
    socket.write_all(&raw(false)).await.unwrap();
    eventually("tokens are generated", || sim.log().last().is_some_and(|seen| seen.billed > 4)).await;
    drop(socket);
    eventually("the call is cancelled", || sim.in_flight() == 0).await;
    assert_eq!((last(&sim).end, last(&sim).status), (Ending::Cancelled, None));
}

#[tokio::test]
async fn a_stalled_stream_keeps_its_connection() {
    let (sim, server) = serve(instant(Wire::OpenAi), Some(Fault::StallAfter { tokens: 2 })).await;
    let body = send(&client(), request(Wire::OpenAi, &server, true)).await.into_body();
    assert!(timeout(Duration::from_millis(200), body.collect()).await.is_err());
    eventually("the call is cancelled", || sim.in_flight() == 0).await;
    assert_eq!((last(&sim).end, last(&sim).output_tokens_sent), (Ending::Cancelled, 2));
}

#[tokio::test]
async fn an_over_delivered_stream_is_answered_while_its_body_is_open() {
    let (sim, server) = serve(instant(Wire::OpenAi), Some(Fault::OverDeliver)).await;
    let mut body = send(&client(), request(Wire::OpenAi, &server, true)).await.into_body();
    let mut whole = Vec::new();
    while !whole.ends_with(b"data: [DONE]\n\n") {
        let frame = timeout(BOUND, body.frame()).await.unwrap().unwrap().unwrap();
        whole.extend_from_slice(&frame.into_data().unwrap());
    }
    assert!(timeout(Duration::from_millis(100), body.frame()).await.is_err());
    assert_eq!((last(&sim).end, sim.open_connections()), (Ending::Answered, 1));
}

#[tokio::test]
async fn a_shut_server_cuts_its_calls_and_frees_its_port() {
    let (sim, server) = serve(instant(Wire::OpenAi), Some(Fault::BlackHole)).await;
    let address = server.local_addr();
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(&raw(true)).await.unwrap();
    eventually("the call arrives", || sim.in_flight() == 1).await;
    timeout(BOUND, server.shutdown()).await.unwrap();
    eventually("the call is dropped", || sim.in_flight() == 0).await;
    assert!(matches!(timeout(BOUND, socket.read(&mut [0; 64])).await.unwrap(), Ok(0) | Err(_)));
    assert_eq!(TcpStream::connect(address).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_dropped_server_frees_its_port() {
    let (_sim, server) = serve(instant(Wire::OpenAi), None).await;
    let address = server.local_addr();
    drop(server);
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(BOUND, refused).await.unwrap();
}
