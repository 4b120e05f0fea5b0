//! Ten lines of stack around hyper-util's client.
//!
//! ```sh
//! cargo run --example hyper_client                 # against a simulated provider that fails at first
//! OPENAI_API_KEY=... cargo run -p buttress-examples --features tls --example hyper_client
//! ```

use std::{io::Write, time::Duration};

use buttress_breaker::BreakerLayer;
use buttress_call::{BoxError, Completion};
use buttress_failover::Failover;
use buttress_provider::{BufferLayer, Provider, ProviderLayer};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use buttress_timeout::{TimeoutLayer, Timeouts};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use tower::{ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let sim = Sim::new("sim", Model::new(Wire::OpenAi))?;
    sim.inject(Rule::always(Fault::ErrorEvent { after: 0 }).calls(0..1))?;
    let server = sim.serve().await?;
    let providers = match std::env::var("OPENAI_API_KEY") {
        Ok(key) if cfg!(feature = "tls") => vec![("openai", Provider::openai().api_key(key))],
        Ok(_) => return Err("the real provider wants TLS: add `-p buttress-examples --features tls`".into()),
        Err(_) => ["first", "second"]
            .map(|name| (name, Provider::compatible(name, server.base_url()).api_key("any")))
            .into(),
    };

    let mut targets = Vec::new();
    for (name, provider) in providers {
        let target = ServiceBuilder::new()
            .layer(BreakerLayer::default())
            .layer(TimeoutLayer::new(Timeouts::attempt())?)
            .layer(ProviderLayer::new(provider)?)
            .service(Client::builder(TokioExecutor::new()).build(connector()?));
        targets.push((name, target));
    }
    let llm = ServiceBuilder::new()
        .layer(TimeoutLayer::new(Timeouts { total: Some(Duration::from_secs(60)), ..Timeouts::default() })?)
        .layer(BufferLayer::default())
        .service(Failover::in_order(targets)?);

    let body = r#"{"model": "gpt-5-mini", "stream": true, "messages": [{"role": "user", "content": "What is a buttress?"}]}"#;
    let request = http::Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from_static(body.as_bytes())))?;
    let response = llm.oneshot(request).await?;
    let completion = response.extensions().get::<Completion>().cloned();
    let mut body = response.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            std::io::stdout().write_all(&data)?;
        }
    }
    println!(
        "the provider was called {} times; the answer ended: {:?}",
        sim.log().len(),
        completion.and_then(|c| c.ended())
    );
    Ok(())
}

#[cfg(feature = "tls")]
fn connector() -> Result<impl Connector, BoxError> {
    let https = hyper_rustls::HttpsConnectorBuilder::new().with_native_roots()?;
    Ok(https.https_or_http().enable_http1().build())
}

#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "its sibling can fail")]
fn connector() -> Result<impl Connector, BoxError> {
    Ok(hyper_util::client::legacy::connect::HttpConnector::new())
}

use hyper_util::client::legacy::connect::Connect;

/// What the client asks of a connector.
trait Connector: Connect + Clone + Send + Sync + 'static {}

impl<C: Connect + Clone + Send + Sync + 'static> Connector for C {}
