//! Hedging over real sockets: what the providers see of it. Real time, so all waits are short and bounded.
#![allow(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use std::time::Duration;

use buttress_call::{BoxError, Kind, find};
use buttress_failover::Failover;
use buttress_hedge::{HedgeHandle, HedgeLayer, Policy};
use buttress_provider::{BufferLayer, Commit, Provider, ProviderBody, ProviderLayer, ProviderService};
use buttress_sim::{Ending, Fault, Latency, Model, Rule, Seen, Server, Sim, Wire};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, Service, ServiceBuilder, ServiceExt, util::BoxCloneSyncService};

const BOUND: Duration = Duration::from_secs(5);
const DELAY: Duration = Duration::from_millis(200);
/// From one chunk of an answer to the next.
const TOKEN: Duration = Duration::from_millis(400);

type Target = ProviderService<Client<HttpConnector, Full<Bytes>>>;
type Hedged = BoxCloneSyncService<Request<Full<Bytes>>, Response<ProviderBody<Incoming>>, BoxError>;

/// Two tokens, the first of them soon.
fn model() -> Model {
    Model::new(Wire::OpenAi)
        .first_token(Latency::Fixed(Duration::from_millis(20)))
        .per_token(Latency::Fixed(TOKEN))
        .output_tokens(2)
}

async fn serve(name: &str, model: Model, rules: impl IntoIterator<Item = Rule>) -> (Sim, Server) {
    let sim = Sim::new(name, model).unwrap();
    for rule in rules {
        sim.inject(rule).unwrap();
    }
    let server = sim.serve().await.unwrap();
    (sim, server)
}

fn target(server: &Server, commit: Commit) -> Target {
    let provider = Provider::compatible("sim", server.base_url()).api_key("any");
    let client = Client::builder(TokioExecutor::new()).build_http();
    ProviderLayer::new(provider).unwrap().commit_streams(commit).layer(client)
}

fn hedge<S>(policy: Policy, inner: S) -> (Hedged, HedgeHandle)
where
    S: Service<Request<Full<Bytes>>, Response = Response<ProviderBody<Incoming>>>,
    S: Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send,
{
    let layer = HedgeLayer::new(policy).unwrap();
    let handle = layer.handle();
    let stack = ServiceBuilder::new().layer(BufferLayer::default()).layer(layer).service(inner);
    (BoxCloneSyncService::new(stack), handle)
}

fn request(stream: bool) -> Request<Full<Bytes>> {
    let body =
        format!(r#"{{"model": "m", "stream": {stream}, "messages": [{{"role": "user", "content": "Hi"}}]}}"#);
    Request::post("/v1/chat/completions").body(body.into()).unwrap()
}

async fn send(service: Hedged) -> Result<Response<ProviderBody<Incoming>>, BoxError> {
    timeout(BOUND, service.oneshot(request(true))).await.unwrap()
}

async fn text(body: ProviderBody<Incoming>) -> String {
    let whole = timeout(BOUND, body.collect()).await.unwrap().unwrap();
    String::from_utf8(whole.to_bytes().into()).unwrap()
}

/// The provider's log, once every call has ended: an end travels over a socket first.
async fn log(sim: &Sim) -> Vec<Seen> {
    let ended = async {
        while sim.in_flight() > 0 {
            sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(BOUND, ended).await.unwrap();
    sim.log()
}

fn ends(log: &[Seen]) -> Vec<Ending> {
    log.iter().map(|seen| seen.end).collect()
}

#[tokio::test]
async fn the_losers_connection_is_closed_before_the_winners_second_chunk() {
    let (sim, server) = serve("a", model(), [Rule::always(Fault::BlackHole).calls(0..1)]).await;
    let made = Instant::now();
    let (service, handle) = hedge(Policy::after(DELAY), target(&server, Commit::STREAM));
    let sent_after = made.elapsed();
    let response = send(service).await.unwrap();
    assert!(text(response.into_body()).await.ends_with("data: [DONE]\n\n"));

    let log = log(&sim).await;
    assert_eq!(ends(&log), [Ending::Cancelled, Ending::Answered]);
    let (lost, first) = (log[0].ended_at.unwrap(), log[1].first_token_at.unwrap());
    assert!(lost < first + TOKEN, "closed at {lost:?}, first chunk at {first:?}");
    // The delay counts from the send, which a busy machine's server hears of a little later. The server's clock, in turn,
    // has run for longer than this one.
    assert!(log[1].at >= sent_after + DELAY);
    assert_eq!((handle.snapshot().sent, handle.snapshot().won), (1, 1));
}

#[tokio::test]
async fn a_hedge_that_loses_is_closed_too() {
    let rules = [
        Rule::always(Fault::SlowFirstToken(2 * DELAY)).calls(0..1),
        Rule::always(Fault::BlackHole).calls(1..2),
    ];
    let (sim, server) = serve("a", model(), rules).await;
    let (service, handle) = hedge(Policy::after(DELAY), target(&server, Commit::STREAM));
    text(send(service).await.unwrap().into_body()).await;

    let log = log(&sim).await;
    assert_eq!(ends(&log), [Ending::Answered, Ending::Cancelled]);
    assert!(log[1].ended_at.unwrap() < log[0].first_token_at.unwrap() + TOKEN);
    assert_eq!((handle.snapshot().sent, handle.snapshot().won), (1, 0));
}

#[tokio::test]
async fn through_a_failover_the_hedge_lands_on_another_target_and_each_sees_one_try() {
    let (slow, slow_server) = serve("slow", model(), [Rule::always(Fault::BlackHole)]).await;
    let (other, other_server) = serve("other", model(), []).await;
    let targets = [("slow", &slow_server), ("other", &other_server)];
    let targets = targets.map(|(name, server)| (name, target(server, Commit::STREAM)));
    let (service, handle) = hedge(Policy::after(DELAY), Failover::in_order(targets).unwrap());
    text(send(service).await.unwrap().into_body()).await;

    assert_eq!(ends(&log(&slow).await), [Ending::Cancelled]);
    assert_eq!(ends(&log(&other).await), [Ending::Answered]);
    assert_eq!((handle.snapshot().sent, handle.snapshot().won), (1, 1));
}

#[tokio::test]
async fn a_failure_before_the_delay_starts_the_hedge_at_once() {
    for fault in [Fault::Status(500), Fault::ErrorEvent { after: 0 }, Fault::Reset] {
        let (sim, server) = serve("a", model(), [Rule::always(fault).calls(0..1)]).await;
        let (service, handle) = hedge(Policy::after(BOUND), target(&server, Commit::STREAM));
        let began = Instant::now();
        drop(send(service).await.unwrap());
        assert!(began.elapsed() < Duration::from_secs(2));
        assert_eq!(ends(&log(&sim).await), [Ending::Faulted, Ending::Cancelled]);
        assert_eq!(handle.snapshot().won, 1);
    }
}

#[tokio::test]
async fn an_error_that_arrives_first_does_not_beat_a_success_that_arrives_later() {
    let rules = [
        Rule::always(Fault::SlowFirstToken(4 * DELAY)).calls(0..1),
        Rule::always(Fault::Status(503)).calls(1..2),
    ];
    let (sim, server) = serve("a", model(), rules).await;
    let (service, _) = hedge(Policy::after(DELAY), target(&server, Commit::STREAM));
    text(send(service).await.unwrap().into_body()).await;
    assert_eq!(ends(&log(&sim).await), [Ending::Answered, Ending::Faulted]);
}

#[tokio::test]
async fn when_both_fail_the_caller_has_the_first_trys_error_and_the_provider_two_calls() {
    let rules = [Rule::always(Fault::Status(500)).calls(0..1), Rule::always(Fault::Status(503)).calls(1..2)];
    let (sim, server) = serve("a", model(), rules).await;
    let (service, _) = hedge(Policy::after(DELAY), target(&server, Commit::STREAM));
    let error = send(service).await.unwrap_err();
    assert_eq!(find(&error).unwrap().kind(), Kind::Server);
    assert_eq!(log(&sim).await.len(), 2);
}

#[tokio::test]
async fn a_stream_that_is_held_to_its_end_is_not_hedged_once_its_content_flows() {
    let (sim, server) = serve("a", model(), []).await;
    let commit = Commit::End { max_bytes: 1 << 20 };
    let (service, handle) = hedge(Policy::after(DELAY), target(&server, commit));
    let began = Instant::now();
    text(send(service).await.unwrap().into_body()).await;
    assert!(began.elapsed() > DELAY);
    assert_eq!((log(&sim).await.len(), handle.snapshot().sent), (1, 0));
}

#[tokio::test]
async fn a_whole_answer_is_not_hedged() {
    let (sim, server) = serve("a", model(), []).await;
    let (service, handle) = hedge(Policy::after(DELAY), target(&server, Commit::STREAM));
    timeout(BOUND, service.oneshot(request(false))).await.unwrap().unwrap();
    assert_eq!((log(&sim).await.len(), handle.snapshot().calls), (1, 0));
}

#[tokio::test]
async fn a_caller_who_gives_up_closes_both_connections() {
    let (sim, server) = serve("a", model(), [Rule::always(Fault::BlackHole)]).await;
    let (service, _) = hedge(Policy::after(DELAY), target(&server, Commit::STREAM));
    timeout(3 * DELAY, send(service)).await.unwrap_err();
    assert_eq!(ends(&log(&sim).await), [Ending::Cancelled; 2]);
}

#[tokio::test]
async fn the_delay_is_learnt_from_first_tokens_and_not_from_whole_streams() {
    let model = model().per_token(Latency::Fixed(DELAY));
    let (sim, server) = serve("a", model, []).await;
    let delay =
        buttress_hedge::Delay::Learnt { window: 100, min_samples: 4, floor: Duration::from_millis(1) };
    // The median, which no single pause of the machine moves.
    let policy = Policy { delay, budget: 0.5, ..Policy::default() };
    let (service, handle) = hedge(policy, target(&server, Commit::End { max_bytes: 1 << 20 }));
    for _ in 0..4 {
        text(send(service.clone()).await.unwrap().into_body()).await;
    }
    let learnt = handle.delay().unwrap();
    assert!(learnt < DELAY, "{learnt:?}");
    assert_eq!(log(&sim).await.len(), 4);
}
