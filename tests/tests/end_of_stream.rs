//! How an answer ended, over real sockets: what the caller gets, what the completion says, and what the provider saw.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    convert::Infallible,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Completion, Ended, Error, Failure, Kind, Outcome, find};
use buttress_provider::{BufferLayer, Commit, Provider, ProviderBody, ProviderLayer};
use buttress_sim::{Ending, Fault, Latency, Model, Rule, Seen, Server, Sim, Wire};
use bytes::{Bytes, BytesMut};
use http::{Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tower::{Layer, ServiceExt};

const WIRES: [Wire; 2] = [Wire::OpenAi, Wire::Anthropic];
const TOKENS: u64 = 8;
const PROMPT: &str = "How did it end?";

type Answer = Response<ProviderBody<Incoming>>;

/// A provider that listens, and a client of it that keeps its connections.
struct Line {
    wire: Wire,
    sim: Sim,
    _server: Server,
    layer: ProviderLayer,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Line {
    async fn new(wire: Wire) -> Self {
        Self::with(wire, Model::new(wire)).await
    }

    async fn with(wire: Wire, model: Model) -> Self {
        let model = model
            .first_token(Latency::Fixed(Duration::from_millis(5)))
            .per_token(Latency::Fixed(Duration::from_millis(2)))
            .output_tokens(TOKENS);
        let sim = Sim::new("sim", model).unwrap();
        let server = sim.serve().await.unwrap();
        let layer = layer(wire, server.base_url());
        Line { wire, sim, _server: server, layer, client: client() }
    }

    async fn faulty(wire: Wire, fault: Fault) -> Self {
        let line = Self::new(wire).await;
        line.sim.inject(Rule::always(fault)).unwrap();
        line
    }

    fn commit(mut self, commit: Commit) -> Self {
        self.layer = self.layer.commit_streams(commit).commit_whole(commit);
        self
    }

    async fn ask(&self, stream: bool) -> Result<Answer, BoxError> {
        self.layer.layer(self.client.clone()).oneshot(request(self.wire, stream)).await
    }

    async fn stream(&self) -> Answer {
        self.ask(true).await.unwrap()
    }

    async fn fails(&self, stream: bool) -> Error {
        let error = self.ask(stream).await.map(|_| "an answer").unwrap_err();
        *error.downcast::<Error>().unwrap()
    }

    /// What the provider saw of the last call, once it is over there, too.
    async fn seen(&self) -> Seen {
        until(|| self.sim.in_flight() == 0).await;
        self.sim.log().pop().expect("the provider was asked")
    }

    /// What the first tokens say.
    fn text(&self, tokens: u64) -> String {
        self.sim.expected_text(tokens)
    }
}

fn layer(wire: Wire, base_url: String) -> ProviderLayer {
    let provider = match wire {
        Wire::Anthropic => Provider::anthropic(),
        _ => Provider::openai(),
    };
    ProviderLayer::new(provider.base_url(base_url).api_key("sk-test")).unwrap()
}

fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

fn request(wire: Wire, stream: bool) -> Request<Full<Bytes>> {
    let body = format!(
        "{{\"model\":\"m\",\"max_tokens\":100,\"stream\":{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"{PROMPT}\"}}]}}"
    );
    let request = Request::post(wire.path("m", stream)).header(header::CONTENT_TYPE, "application/json");
    request.body(Full::from(body)).unwrap()
}

/// Waits for what is about to be true.
async fn until(mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(3), "it does not come true");
        sleep(Duration::from_millis(2)).await;
    }
}

fn completion<B>(response: &Response<B>) -> Completion {
    response.extensions().get::<Completion>().unwrap().clone()
}

/// All that came of an answer.
struct Taken {
    bytes: String,
    error: Option<Error>,
    ended: Ended,
    took: Duration,
}

async fn take(answer: Answer) -> Taken {
    let completion = completion(&answer);
    let begun = Instant::now();
    let mut body = answer.into_body();
    let mut bytes = BytesMut::new();
    let mut error = None;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(broken) => error = Some(*broken.downcast::<Error>().unwrap()),
        }
    }
    Taken {
        bytes: String::from_utf8(bytes.to_vec()).unwrap(),
        error,
        ended: completion.ended().expect("the end is told before the body's"),
        took: begun.elapsed(),
    }
}

impl Taken {
    /// What the events say together.
    fn said(&self) -> String {
        let events = self.bytes.lines().filter_map(|line| line.strip_prefix("data:"));
        let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        events
            .filter_map(|event| {
                let text =
                    event["choices"][0]["delta"]["content"].as_str().or(event["delta"]["text"].as_str());
                text.map(str::to_owned)
            })
            .collect()
    }

    #[track_caller]
    fn is_success(&self) {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.ended.outcome, Outcome::Success);
    }

    #[track_caller]
    fn is_broken(&self) -> &Error {
        let error = self.error.as_ref().expect("the body ends in an error");
        assert_eq!(error.kind(), Kind::Broken);
        assert_eq!(self.ended.outcome, error.failure().into());
        assert_eq!(self.ended.usage, error.usage());
        error
    }
}

#[tokio::test]
async fn a_good_stream_succeeds_with_its_usage_and_gives_its_connection_back() {
    for wire in WIRES {
        let line = Line::new(wire).await;
        for _ in 0..3 {
            let taken = take(line.stream().await).await;
            taken.is_success();
            assert_eq!(taken.said(), line.text(TOKENS));
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Answered, TOKENS));
            assert_eq!(seen.billed, seen.input_tokens + TOKENS);
            let usage = taken.ended.usage.unwrap();
            assert_eq!((usage.input, usage.output), (seen.input_tokens, TOKENS));
            assert_eq!(seen.connection, 1, "{wire}");
        }
        assert_eq!(line.sim.open_connections(), 1);
    }
}

#[tokio::test]
async fn the_usage_that_the_caller_did_not_ask_for_is_not_in_its_stream() {
    let line = Line::new(Wire::OpenAi).await;
    let taken = take(line.stream().await).await;
    assert!(!taken.bytes.contains("prompt_tokens"), "{}", taken.bytes);
    assert!(taken.bytes.ends_with("data: [DONE]\n\n"));
    assert!(taken.ended.usage.is_some());
}

#[tokio::test]
async fn a_whole_answer_has_succeeded_when_it_is_there_and_gives_its_connection_back() {
    for wire in WIRES {
        let line = Line::new(wire).await;
        for _ in 0..3 {
            let answer = line.ask(false).await.unwrap();
            let ended = completion(&answer).ended().unwrap();
            assert_eq!((ended.outcome, ended.usage.unwrap().output), (Outcome::Success, TOKENS));
            let taken = take(answer).await;
            let json: Value = serde_json::from_str(&taken.bytes).unwrap();
            let text =
                json["choices"][0]["message"]["content"].as_str().or(json["content"][0]["text"].as_str());
            assert_eq!(text, Some(&*line.text(TOKENS)));
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.connection), (Ending::Answered, 1), "{wire}");
        }
    }
}

#[tokio::test]
async fn a_caller_that_stops_at_the_end_marker_has_a_success_and_its_connection_back() {
    for (wire, marker) in [(Wire::OpenAi, "[DONE]\n\n"), (Wire::Anthropic, "message_stop\"}\n\n")] {
        let line = Line::new(wire).await;
        for _ in 0..2 {
            let answer = line.stream().await;
            let completion = completion(&answer);
            let mut body = answer.into_body();
            let mut text = Vec::new();
            while !text.ends_with(marker.as_bytes()) {
                text.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
            }
            drop(body);
            assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.connection), (Ending::Answered, 1), "{wire}");
        }
    }
}

#[tokio::test]
async fn an_error_answer_is_an_error_of_its_kind_and_gives_its_connection_back() {
    for wire in WIRES {
        for (fault, kind, status) in [
            (Fault::Refuse, Kind::Overloaded, 503),
            (Fault::Status(500), Kind::Server, 500),
            (Fault::RateLimit { retry_after: Some(Duration::from_secs(2)) }, Kind::RateLimited, 429),
            (Fault::Quota, Kind::Quota, 429),
            (Fault::ContextTooLong, Kind::ContextTooLong, 400),
        ] {
            let line = Line::faulty(wire, fault.clone()).await;
            for stream in [true, false] {
                let error = line.fails(stream).await;
                assert_eq!(error.kind(), kind, "{wire} {fault:?}");
                let upstream = error.upstream().unwrap();
                assert!(!upstream.body.is_empty());
                if fault != Fault::Quota {
                    assert_eq!(upstream.status, status, "{wire} {fault:?}");
                }
                if kind == Kind::RateLimited {
                    assert_eq!(error.retry_after(), Some(Duration::from_secs(2)));
                }
                let seen = line.seen().await;
                assert_eq!((seen.end, seen.billed), (Ending::Faulted, 0));
                assert_eq!(seen.connection, 1, "{wire} {fault:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_a_200_is_an_error_of_its_kind() {
    for (wire, kind) in [(Wire::OpenAi, Kind::Server), (Wire::Anthropic, Kind::Overloaded)] {
        for fault in [Fault::ErrorEvent { after: 0 }, Fault::ErrorThenDone { after: 0 }, Fault::ErrorIn200] {
            for stream in [true, false] {
                let line = Line::faulty(wire, fault.clone()).await;
                let error = line.fails(stream).await;
                assert_eq!((error.kind(), error.upstream().unwrap().status.as_u16()), (kind, 200));
                let seen = line.seen().await;
                assert_eq!(seen.output_tokens_sent, 0);
            }
        }
    }
}

#[tokio::test]
async fn what_breaks_before_the_first_content_is_broken_and_says_why() {
    for wire in WIRES {
        for (fault, stream, reason) in [
            (Fault::EmptyOk, true, "empty"),
            (Fault::EmptyOk, false, "empty"),
            (Fault::CutAfter { tokens: 0 }, true, "cut"),
            (Fault::CutAfter { tokens: 0 }, false, "cut"),
            (Fault::Reset, true, "no answer"),
            (Fault::Reset, false, "no answer"),
            (Fault::Garbage { bytes: 4096 }, true, "before its end marker"),
            (Fault::Garbage { bytes: 4096 }, false, "malformed"),
            (Fault::Garbage { bytes: 5 << 20 }, true, "limit|no content"),
            (Fault::Garbage { bytes: 5 << 20 }, false, "malformed"),
            (Fault::MegabyteLine, true, "longer than the limit"),
            (Fault::Gzip, true, "\"gzip\""),
            (Fault::Gzip, false, "\"gzip\""),
            (Fault::MissingEnd { finish: false }, false, "cut short"),
            (Fault::MalformedEvent { after: 0 }, false, "cut short"),
        ] {
            let line = Line::faulty(wire, fault.clone()).await;
            let error = line.fails(stream).await;
            assert_eq!(error.kind(), Kind::Broken, "{wire} {fault:?} {stream}: {error}");
            let message = error.to_string();
            assert!(reason.split('|').any(|reason| message.contains(reason)), "{wire} {fault:?}: {message}");
            // However much was sent, little is kept.
            assert!(error.upstream().is_none_or(|upstream| upstream.body.len() <= 64 << 10));
            line.seen().await;
        }
    }
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let layer = layer(Wire::OpenAi, format!("http://{address}"));
    let error = layer.layer(client()).oneshot(request(Wire::OpenAi, true)).await.unwrap_err();
    assert_eq!(find(&error).unwrap().kind(), Kind::Connect);
}

#[tokio::test]
async fn what_breaks_after_the_first_content_ends_the_body_with_an_error() {
    for wire in WIRES {
        for (fault, said, code) in [
            (Fault::CutAfter { tokens: 3 }, 3, false),
            (Fault::ErrorEvent { after: 3 }, 3, true),
            (Fault::ErrorThenDone { after: 3 }, 3, true),
            (Fault::MissingEnd { finish: false }, TOKENS, false),
        ] {
            let line = Line::faulty(wire, fault.clone()).await;
            let taken = take(line.stream().await).await;
            let error = taken.is_broken();
            assert_eq!(taken.said(), line.text(said), "{wire} {fault:?}");
            assert_eq!(error.code().is_some(), code, "{wire} {fault:?}: {error:?}");
            assert_eq!(taken.bytes.contains("\"error\":{\"") || taken.bytes.contains("event: error"), code);
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Faulted, said));
            if wire == Wire::Anthropic {
                // The input is known from the start.
                assert_eq!(taken.ended.usage.unwrap().input, seen.input_tokens);
            }
        }
    }
}

#[tokio::test]
async fn only_openai_may_leave_its_marker_out() {
    let fault = Fault::MissingEnd { finish: true };
    let line = Line::faulty(Wire::OpenAi, fault.clone()).await;
    let taken = take(line.stream().await).await;
    taken.is_success();
    assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
    let line = Line::faulty(Wire::Anthropic, fault).await;
    let taken = take(line.stream().await).await;
    taken.is_broken();
    assert_eq!((taken.said(), taken.ended.usage.unwrap().output), (line.text(TOKENS), TOKENS));
}

#[tokio::test]
async fn a_malformed_event_in_the_middle_is_passed_on() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::MalformedEvent { after: 3 }).await;
        let taken = take(line.stream().await).await;
        taken.is_success();
        assert_eq!(taken.said(), line.text(TOKENS));
        let broken = taken.bytes.lines().filter_map(|line| line.strip_prefix("data: "));
        let broken = broken.filter(|data| *data != "[DONE]" && serde_json::from_str::<Value>(data).is_err());
        assert_eq!(broken.count(), 1, "{}", taken.bytes);
    }
}

#[tokio::test]
async fn a_megabyte_of_blank_lines_before_a_whole_answer_is_waited_through() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::MegabyteLine).await;
        let taken = take(line.ask(false).await.unwrap()).await;
        taken.is_success();
        assert!(taken.bytes.len() > 1 << 20);
    }
}

#[tokio::test]
async fn a_body_kept_open_after_its_end_marker_ends_all_the_same() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::OverDeliver).await;
        let taken = take(line.stream().await).await;
        taken.is_success();
        assert_eq!(taken.said(), line.text(TOKENS));
        assert!(taken.took < Duration::from_secs(2), "{:?}", taken.took);
        assert_eq!(line.seen().await.end, Ending::Answered);
        // Its connection is of no use any more.
        until(|| line.sim.open_connections() == 0).await;
    }
}

#[tokio::test]
async fn held_to_its_end_even_a_cut_stream_is_an_error() {
    let commit = Commit::End { max_bytes: 1 << 20 };
    for wire in WIRES {
        for fault in [Fault::CutAfter { tokens: 5 }, Fault::MissingEnd { finish: false }] {
            let error = Line::faulty(wire, fault).await.commit(commit).fails(true).await;
            assert_eq!(error.kind(), Kind::Broken);
        }
        let taken = take(Line::new(wire).await.commit(commit).stream().await).await;
        taken.is_success();
    }
}

#[tokio::test]
async fn a_body_dropped_in_the_middle_stops_the_provider_and_is_cancelled() {
    for wire in WIRES {
        let line = Line::with(wire, Model::new(wire)).await;
        line.sim.inject(Rule::always(Fault::Brownout(20.0))).unwrap();
        let answer = line.stream().await;
        let completion = completion(&answer);
        let mut body = answer.into_body();
        body.frame().await.unwrap().unwrap();
        assert!(completion.ended().is_none());
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
        let seen = line.seen().await;
        assert_eq!(seen.end, Ending::Cancelled);
        assert!(seen.billed < seen.input_tokens + TOKENS, "{seen:?}");
        until(|| line.sim.open_connections() == 0).await;
    }
}

#[tokio::test]
async fn a_future_dropped_before_the_first_content_stops_the_provider() {
    for wire in WIRES {
        for stream in [true, false] {
            let line = Line::faulty(wire, Fault::SlowFirstToken(Duration::from_secs(60))).await;
            assert!(timeout(Duration::from_millis(50), line.ask(stream)).await.is_err());
            let seen = line.seen().await;
            assert_eq!((seen.end, seen.billed), (Ending::Cancelled, seen.input_tokens));
            until(|| line.sim.open_connections() == 0).await;
        }
    }
}

#[tokio::test]
async fn a_stalled_body_that_somebody_gives_up_on_ends_with_the_blame() {
    for wire in WIRES {
        let line = Line::faulty(wire, Fault::StallAfter { tokens: 3 }).await;
        let answer = line.stream().await;
        let completion = completion(&answer);
        let mut body = answer.into_body();
        while let Ok(frame) = timeout(Duration::from_millis(60), body.frame()).await {
            frame.unwrap().unwrap();
        }
        completion.blame(Failure::new(Kind::Timeout));
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Kind::Timeout.into());
        let seen = line.seen().await;
        assert_eq!((seen.end, seen.output_tokens_sent), (Ending::Cancelled, 3));
    }
}

#[tokio::test]
async fn a_prelude_without_end_is_let_through_in_time_and_costs_the_input() {
    for wire in WIRES {
        let within = Duration::from_millis(150);
        let line = Line::faulty(wire, Fault::EndlessPrelude).await.commit(Commit::FirstContent { within });
        let begun = Instant::now();
        let answer = line.stream().await;
        assert!(begun.elapsed() >= within);
        let completion = completion(&answer);
        assert_eq!(completion.progress().first_content_at(), None);
        let mut body = answer.into_body();
        for _ in 0..3 {
            body.frame().await.unwrap().unwrap();
        }
        drop(body);
        assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
        let seen = line.seen().await;
        assert_eq!((seen.end, seen.billed), (Ending::Cancelled, seen.input_tokens));
    }
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_before_anything_is_sent() {
    for wire in WIRES {
        let line = Line::new(wire).await;
        let service = BufferLayer::default().limit(100).layer(line.layer.layer(line.client.clone()));
        let error = service.oneshot(request(wire, true)).await.unwrap_err();
        assert_eq!(find(&error).unwrap().status(), 413);
        assert!(line.sim.log().is_empty());
        assert_eq!(line.sim.open_connections(), 0);
    }
}

/// A server whose answers are made by a closure; stops when dropped.
struct Handmade {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

impl Handmade {
    async fn new<F, Fut>(answer: F) -> Self
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

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Handmade {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One piece again and again, as fast as it is read.
struct Endless {
    piece: Bytes,
    sent: Arc<Mutex<usize>>,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        *self.sent.lock().unwrap() += self.piece.len();
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}

#[tokio::test]
async fn a_flood_without_content_is_broken_and_little_of_it_is_kept() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n"
        .repeat(20);
    for (content_type, piece) in [
        ("text/event-stream", role),
        ("text/event-stream", ": waiting\n\n".repeat(100)),
        ("text/event-stream", "\n".repeat(1000)),
        ("text/event-stream", "x".repeat(1000)),
        ("application/json", "\n".repeat(1000)),
    ] {
        let sent = Arc::<Mutex<usize>>::default();
        let flood = {
            let sent = sent.clone();
            move |_| {
                let body = Endless { piece: piece.clone().into(), sent: sent.clone() };
                let response = Response::builder().header(header::CONTENT_TYPE, content_type);
                std::future::ready(response.body(body.map_err(Into::into).boxed_unsync()).map_err(Into::into))
            }
        };
        let server = Handmade::new(flood).await;
        let service = layer(Wire::OpenAi, server.url()).layer(client());
        let error = service.oneshot(request(Wire::OpenAi, true)).await.map(|_| ()).unwrap_err();
        let error = find(&error).unwrap();
        assert_eq!(error.kind(), Kind::Broken);
        let message = error.to_string();
        if let Some(rest) = message.split("no content in the first ").nth(1) {
            let bytes: usize = rest.split(' ').next().unwrap().parse().unwrap();
            assert!(bytes <= (2 << 20) + (1 << 19), "{message}");
        } else {
            assert!(message.contains("longer than the limit"), "{message}");
        }
        assert_eq!(error.upstream().unwrap().body.len(), 64 << 10);
        // The connection is closed: the server cannot go on.
        let mut last = 0;
        until(|| {
            let now = *sent.lock().unwrap();
            std::mem::replace(&mut last, now) == now
        })
        .await;
    }
}

/// A gateway: our service behind a hyper server. Tells how each call ended.
async fn gateway(layer: ProviderLayer) -> (Handmade, mpsc::UnboundedReceiver<Ended>) {
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

async fn told(ends: &mut mpsc::UnboundedReceiver<Ended>) -> Ended {
    timeout(Duration::from_secs(3), ends.recv()).await.expect("the end is told").unwrap()
}

#[tokio::test]
async fn a_server_that_stops_at_the_declared_length_leaves_a_success() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\ndata: [DONE]\n\n";
    let json = "{\"choices\":[]}";
    for (content_type, text) in
        [("text/event-stream", events), ("application/json", json), ("audio/mpeg", "la la la")]
    {
        for commit in [Commit::Head, Commit::STREAM, Commit::WHOLE] {
            let upstream = Handmade::new(move |_| {
                let response = Response::builder().header(header::CONTENT_TYPE, content_type);
                let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
                std::future::ready(response.body(body).map_err(Into::into))
            })
            .await;
            let provider = Provider::compatible("h", upstream.url()).ask_usage(false);
            let layer = ProviderLayer::new(provider).unwrap().commit_streams(commit).commit_whole(commit);
            let (gateway, mut ends) = gateway(layer).await;
            let request = Request::post(format!("{}/v1/chat/completions", gateway.url()));
            let answer =
                client().request(request.body(Full::from("{\"stream\":true}")).unwrap()).await.unwrap();
            assert_eq!(answer.headers()[header::CONTENT_LENGTH], text.len().to_string());
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), text);
            assert_eq!(told(&mut ends).await.outcome, Outcome::Success, "{content_type} {commit:?}");
        }
    }
}

#[tokio::test]
async fn behind_a_gateway_a_stream_ends_as_the_provider_ended_it() {
    for wire in WIRES {
        let line = Line::new(wire).await;
        let (gateway, mut ends) = gateway(line.layer.clone()).await;
        let mut asked = request(wire, true);
        *asked.uri_mut() = format!("{}{}", gateway.url(), wire.path("m", true)).parse().unwrap();
        let answer = client().request(asked.clone()).await.unwrap();
        answer.into_body().collect().await.unwrap();
        let ended = told(&mut ends).await;
        assert_eq!((ended.outcome, ended.usage.unwrap().output), (Outcome::Success, TOKENS));

        line.sim.inject(Rule::always(Fault::CutAfter { tokens: 3 })).unwrap();
        let answer = client().request(asked.clone()).await.unwrap();
        assert!(answer.into_body().collect().await.is_err(), "the caller sees that it was cut");
        assert_eq!(told(&mut ends).await.outcome, Kind::Broken.into());

        line.sim.clear();
        line.sim.inject(Rule::always(Fault::StallAfter { tokens: 3 })).unwrap();
        let mut body = client().request(asked).await.unwrap().into_body();
        body.frame().await.unwrap().unwrap();
        drop(body);
        assert_eq!(told(&mut ends).await.outcome, Outcome::Cancelled);
        assert_eq!(line.seen().await.end, Ending::Cancelled);
    }
}

#[tokio::test]
async fn a_caller_of_a_gateway_that_hangs_up_before_the_first_content_stops_the_provider() {
    let line = Line::faulty(Wire::OpenAi, Fault::SlowFirstToken(Duration::from_secs(60))).await;
    let (gateway, _ends) = gateway(line.layer.clone()).await;
    let mut caller = TcpStream::connect(gateway.address).await.unwrap();
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}";
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut caller, (head + body).as_bytes()).await.unwrap();
    until(|| line.sim.in_flight() == 1).await;
    drop(caller);
    assert_eq!(line.seen().await.end, Ending::Cancelled);
}
