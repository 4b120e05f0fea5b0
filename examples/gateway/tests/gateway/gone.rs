//! A caller that goes away takes its call along.

use std::time::Duration;

use buttress_sim::{Ending, Fault, Rule, Sim};
use http_body_util::BodyExt;

use crate::kit::{Running, chat, sim, target, until};

async fn gateway(fault: Fault) -> (Sim, buttress_sim::Server, Running) {
    let (sim, server) = sim("a", 50, 1).await;
    sim.inject(Rule::always(fault)).unwrap();
    let file = target("a", &server.base_url())
        + "limits = { concurrency = 4 }\n[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    (sim, server, running)
}

async fn is_cancelled(sim: &Sim, running: &Running) {
    until(|| match sim.log().last() {
        Some(seen) if seen.end == Ending::Cancelled => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    until(|| running.is_at_rest()).await;
    until(|| match sim.open_connections() {
        0 => Ok(()),
        open => Err(format!("{open} connections are open")),
    })
    .await;
}

#[tokio::test]
async fn gone_in_mid_stream_the_provider_is_cancelled() {
    let (sim, _server, running) = gateway(Fault::StallAfter { tokens: 2 }).await;
    let mut response = running.caller().post("/v1/chat/completions", chat("m", true)).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    is_cancelled(&sim, &running).await;
}

#[tokio::test]
async fn gone_before_the_head_the_provider_is_cancelled() {
    let (sim, _server, running) = gateway(Fault::BlackHole).await;
    for stream in [true, false] {
        let caller = running.caller();
        let call = caller.post("/v1/chat/completions", chat("m", stream));
        assert!(tokio::time::timeout(Duration::from_millis(100), call).await.is_err());
        is_cancelled(&sim, &running).await;
    }
}
