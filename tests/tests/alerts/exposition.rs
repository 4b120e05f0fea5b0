//! What an exporter shows of a stack that has seen everything that the rules look for.

use std::{collections::BTreeMap, time::Duration};

use buttress::{
    Policies, breaker,
    control::Control,
    limit,
    provider::Provider,
    stack::Target,
    telemetry::names::{SECONDS_BUCKETS, TOKEN_BUCKETS, TOKEN_USAGE},
};
use buttress_sim::{Fault, Model, Rule, Sim, Wire};
use buttress_tests::fleet::{ask, quick, sim};
use http_body_util::BodyExt;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use tokio::{task::yield_now, time::advance};
use tower::ServiceExt;

const SECOND: Duration = Duration::from_secs(1);

/// One line.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

/// The exporter as the gateway has it, for this thread only.
pub(crate) fn seen() -> Vec<Series> {
    let exporter = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS).unwrap();
    let tokens = Matcher::Full(TOKEN_USAGE.to_owned());
    let recorder = exporter.set_buckets_for_metric(tokens, &TOKEN_BUCKETS).unwrap().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    metrics::with_local_recorder(&recorder, || runtime.unwrap().block_on(everything()));
    let text = recorder.handle().render();
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(series).collect()
}

fn series(line: &str) -> Series {
    let (series, _) = line.rsplit_once(' ').unwrap();
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}').unwrap().split("\",").filter(|label| !label.is_empty());
    let label = |label: &str| {
        let (key, value) = label.split_once("=\"").unwrap();
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    };
    Series { name: name.to_owned(), labels: labels.map(label).collect() }
}

/// A stack that succeeds, fails, waits, refuses, fails over, trips and wastes.
async fn everything() {
    let policies = Policies {
        breaker: Some(breaker::Policy { probes: 1, ..breaker::Policy::default() }),
        limit: Some(limit::Policy { in_flight: Some(1), max_waiting: 1, ..limit::Policy::default() }),
        ..Policies::default()
    };
    let sims = ["a", "b"].map(quick);
    let target = |sim: &Sim, name| {
        let provider = Provider::compatible(name, "http://sim.test").api_key("any");
        Target::new(name, provider, sim.service(), &policies).unwrap()
    };
    let stack = policies.stack([target(&sims[0], "a"), target(&sims[1], "b")]).unwrap();
    let control = Control::new();
    control.insert("chat", stack.handles());
    tokio::spawn(control.recorder());
    let call = async || -> Result<(), buttress::BoxError> {
        stack.clone().oneshot(ask("m")).await?.into_body().collect().await?;
        Ok(())
    };

    // Three at once: one is let through, one waits, one is refused and goes elsewhere.
    let _ = tokio::join!(call(), call(), call());
    // Each of these for one call.
    for fault in [
        Fault::Quota,
        Fault::Status(401),
        Fault::RateLimit { retry_after: Some(SECOND) },
        Fault::CutAfter { tokens: 2 },
    ] {
        for sim in &sims {
            sim.inject(Rule::always(fault.clone()).calls(0..1)).unwrap();
        }
        let _ = call().await;
        advance(600 * SECOND).await;
    }
    for sim in &sims {
        sim.clear();
        sim.inject(Rule::always(Fault::Status(500)).calls(0..8)).unwrap();
    }
    for _ in 0..60 {
        let _ = call().await;
        yield_now().await;
        advance(20 * SECOND).await;
        yield_now().await;
    }
    call().await.unwrap();
    wasted().await;
    control.force_open("a").unwrap();
    yield_now().await;
    control.force_close("a").unwrap();
    yield_now().await;
}

/// A stream that breaks after its provider has said what the prompt costs: Anthropic's begins with that.
async fn wasted() {
    let sim = sim("c", Model::new(Wire::Anthropic));
    sim.inject(Rule::always(Fault::CutAfter { tokens: 2 })).unwrap();
    let provider = Provider::anthropic().api_key("any");
    let stack = Policies::default().target("c", provider, sim.service()).unwrap();
    let ask = r#"{"model":"m","max_tokens":64,"stream":true,"messages":[{"role":"user","content":"Hi"}]}"#;
    let request = http::Request::post("/").body(ask.to_owned()).unwrap();
    let answer = stack.oneshot(request).await.unwrap();
    answer.into_body().collect().await.unwrap_err();
}
