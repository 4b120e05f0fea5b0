//! The operator's page over simulated providers in trouble.
//!
//! ```sh
//! cargo run --example admin          # then open the address that it prints
//! ```
//!
//! `openai` is down for a minute out of two, `azure` now and then answers 429, `local` is drained, `anthropic` is well. The
//! token is printed here; a real program takes it from its environment and tells nobody.

use std::time::Duration;

use buttress::{
    BoxError, Policies, Stack,
    admin::{self, Settings, Token},
    breaker,
    control::Control,
    hedge, limit,
    provider::Provider,
    stack::Target,
    telemetry::{self, Price, Telemetry},
};
use buttress_sim::{Fault, Latency, Model, Rule, Sim, Wire};
use http_body_util::BodyExt;
use tokio::{net::TcpListener, time::sleep};
use tower::ServiceExt;

const TOKEN: &str = "the-examples-operator";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let llm = stack()?;
    for caller in 0..12 {
        tokio::spawn(talk(llm.clone(), Duration::from_millis(1_000 + caller * 170)));
    }

    let control = Control::new();
    control.insert("chat", llm.handles());
    control.drain("local")?;
    tokio::spawn(control.recorder());
    let settings = Settings { token: Some(Token::new(TOKEN)?), ..Settings::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{} (token: {TOKEN})", listener.local_addr()?);
    axum::serve(listener, admin::router(control, settings)).await?;
    Ok(())
}

/// Four targets, and what is wrong with each.
fn stack() -> Result<Stack, BoxError> {
    const MINUTE: Duration = Duration::from_secs(60);
    let hint = Fault::RateLimit { retry_after: Some(Duration::from_secs(15)) };
    let targets = [
        ("openai", vec![Rule::always(Fault::Status(500)).flapping(MINUTE, MINUTE)]),
        (
            "azure",
            vec![Rule::always(hint).share(0.05), Rule::always(Fault::CutAfter { tokens: 9 }).share(0.01)],
        ),
        ("anthropic", vec![Rule::always(Fault::Refuse).share(0.01)]),
        ("local", vec![]),
    ];
    let prices = targets.each_ref().map(|(name, _)| Price::of(*name, "m", 1.25, 10.0)).to_vec();
    let policies = Policies {
        breaker: Some(breaker::Policy::with_rates()),
        limit: Some(limit::Policy { ramp_up: Duration::ZERO, ..limit::Policy::per_minute(300, 30_000) }),
        hedge: Some(hedge::Policy::default()),
        telemetry: Telemetry::new(telemetry::Settings { prices, ..Default::default() })?,
        ..Policies::default()
    };
    let targets = targets.into_iter().map(|(name, rules)| {
        let model = Model::new(Wire::OpenAi).first_token(Latency::Heavy).output_tokens(20..=200);
        let sim = Sim::new(name, model)?;
        for rule in rules {
            sim.inject(rule)?;
        }
        let provider = Provider::compatible(name, "http://sim.test").api_key("any");
        Target::new(name, provider, sim.service(), &policies)
    });
    policies.stack(targets.collect::<Result<Vec<_>, BoxError>>()?)
}

/// A caller who asks, reads, thinks for a while, and asks again.
async fn talk(llm: Stack, pause: Duration) {
    const ASK: &str =
        r#"{"model":"m","stream":true,"messages":[{"role":"user","content":"What is a buttress?"}]}"#;
    loop {
        let mut ask = http::Request::new(ASK.to_owned());
        *ask.method_mut() = http::Method::POST;
        if let Ok(answer) = llm.clone().oneshot(ask).await {
            // How it ended is what the page shows.
            let _ = answer.into_body().collect().await;
        }
        sleep(pause).await;
    }
}
