//! A provider that listens, and a client of it.

use std::time::Duration;

use buttress_call::{BoxError, Completion, Error};
use buttress_provider::{Commit, ProviderBody, ProviderLayer};
use buttress_sim::{Fault, Latency, Model, Rule, Seen, Server, Sim};
use buttress_tests::way::Way;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

pub(crate) const TOKENS: u64 = 8;

pub(crate) type Answer = Response<ProviderBody<Incoming>>;

/// A provider that listens, and a client of it that keeps its connections.
pub(crate) struct Line {
    way: Way,
    pub(crate) sim: Sim,
    _server: Server,
    pub(crate) layer: ProviderLayer,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
}

impl Line {
    pub(crate) async fn new(way: Way) -> Self {
        let model = Model::new(way.wire())
            .first_token(Latency::Fixed(Duration::from_millis(5)))
            .per_token(Latency::Fixed(Duration::from_millis(2)))
            .output_tokens(TOKENS);
        let sim = Sim::new("sim", model).unwrap();
        let server = sim.serve().await.unwrap();
        let layer = layer(way, server.base_url());
        Line { way, sim, _server: server, layer, client: client() }
    }

    pub(crate) async fn faulty(way: Way, fault: Fault) -> Self {
        let line = Self::new(way).await;
        line.sim.inject(Rule::always(fault)).unwrap();
        line
    }

    pub(crate) fn commit(mut self, commit: Commit) -> Self {
        self.layer = self.layer.commit_streams(commit).commit_whole(commit);
        self
    }

    pub(crate) async fn ask(&self, stream: bool) -> Result<Answer, BoxError> {
        self.layer.layer(self.client.clone()).oneshot(self.way.request(stream)).await
    }

    pub(crate) async fn stream(&self) -> Answer {
        self.ask(true).await.unwrap()
    }

    pub(crate) async fn fails(&self, stream: bool) -> Error {
        let error = self.ask(stream).await.map(|_| "an answer").unwrap_err();
        *error.downcast::<Error>().unwrap()
    }

    /// What the provider saw of the last call, once it is over there, too.
    pub(crate) async fn seen(&self) -> Seen {
        until(|| self.sim.in_flight() == 0).await;
        self.sim.log().pop().expect("the provider was asked")
    }

    /// What the first tokens say.
    pub(crate) fn text(&self, tokens: u64) -> String {
        self.sim.expected_text(tokens)
    }
}

pub(crate) fn layer(way: Way, base_url: String) -> ProviderLayer {
    ProviderLayer::new(way.provider().base_url(base_url).api_key("sk-test")).unwrap()
}

pub(crate) fn client() -> Client<HttpConnector, Full<Bytes>> {
    Client::builder(TokioExecutor::new()).build_http()
}

/// Waits for what is about to be true.
pub(crate) async fn until(mut is: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is() {
        assert!(begun.elapsed() < Duration::from_secs(3), "it does not come true");
        sleep(Duration::from_millis(2)).await;
    }
}

pub(crate) fn completion<B>(response: &Response<B>) -> Completion {
    response.extensions().get::<Completion>().unwrap().clone()
}
