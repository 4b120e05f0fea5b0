//! Simulated providers, and clients of them.

use std::time::Duration;

use buttress_provider::{Provider, ProviderLayer};
use buttress_sim::{Fault, Latency, Model, Rule, Sim, Wire};
use bytes::Bytes;
use http_body_util::Full;
use tower::Layer;

use crate::{
    journey::{Client, erase},
    probe::Request,
};

/// A provider that answers a call in 9 ms: the first of 4 tokens after 5.
pub fn quick(name: &str) -> Sim {
    sim(name, model())
}

/// The same with other numbers.
pub fn sim(name: &str, model: Model) -> Sim {
    Sim::new(name, model).expect("the numbers make sense")
}

/// The model of [`quick`].
pub fn model() -> Model {
    Model::new(Wire::OpenAi)
        .first_token(Latency::Fixed(Duration::from_millis(5)))
        .per_token(Latency::Fixed(Duration::from_millis(1)))
        .output_tokens(4)
}

/// Breaks a provider.
pub fn broken(sim: Sim, fault: Fault) -> Sim {
    sim.inject(Rule::always(fault)).expect("the numbers make sense");
    sim
}

/// The layer between a plain client and everything else.
pub fn provider() -> ProviderLayer {
    let provider = Provider::compatible("sim", "http://sim.test").api_key("sk-test");
    ProviderLayer::new(provider).expect("a name, an address and a key are all it needs")
}

/// A client of the provider.
pub fn client(sim: &Sim) -> Client {
    erase(provider().layer(sim.service()))
}

/// A streamed chat with this model.
pub fn ask(model: &str) -> Request {
    let body = format!(
        r#"{{"model":"{model}","stream":true,"messages":[{{"role":"user","content":"How did it end?"}}]}}"#
    );
    let request = http::Request::post("/").header(http::header::CONTENT_TYPE, "application/json");
    request.body(Full::new(Bytes::from(body))).expect("its parts are constants")
}
