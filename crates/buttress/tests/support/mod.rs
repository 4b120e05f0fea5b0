//! Simulated providers, and calls to them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]
#![allow(dead_code, reason = "each test uses some of them")]

use std::time::Duration;

use buttress::{BoxError, Error, Stack, failover::AnsweredBy, find, provider::Provider};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use http_body_util::BodyExt;
use tower::ServiceExt;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A provider that begins to answer after 200 ms.
pub(crate) fn sim(name: &str) -> Sim {
    Sim::new(name, Model::new(Wire::OpenAi).output_tokens(4)).unwrap()
}

pub(crate) fn broken(name: &str, fault: Fault) -> Sim {
    let sim = sim(name);
    sim.inject(Rule::always(fault)).unwrap();
    sim
}

pub(crate) fn provider(name: &str) -> Provider {
    Provider::compatible(name.to_owned(), "http://sim.test").api_key("sk-test")
}

pub(crate) fn request(stream: bool) -> http::Request<String> {
    let json = format!(
        r#"{{"model":"m","stream":{stream},"messages":[{{"role":"user","content":"How did it end?"}}]}}"#
    );
    // For targets without a key of their own.
    http::Request::post("/").header("authorization", "Bearer of-the-caller").body(json).unwrap()
}

/// Calls, reads to the end, and says who answered.
pub(crate) async fn call(stack: &Stack, stream: bool) -> Result<String, BoxError> {
    let response = stack.clone().oneshot(request(stream)).await?;
    let name = response.extensions().get::<AnsweredBy>().map(|by| by.name().to_owned());
    response.into_body().collect().await?;
    Ok(name.unwrap_or_default())
}

/// What a call that must fail fails with.
pub(crate) async fn failure(stack: &Stack, stream: bool) -> (BoxError, buttress::Kind) {
    let error = call(stack, stream).await.unwrap_err();
    let kind = find(&error).map(Error::kind).unwrap();
    (error, kind)
}
