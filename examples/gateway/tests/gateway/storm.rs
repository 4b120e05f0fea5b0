//! Many calls while the targets fail in every way.

use std::{collections::BTreeMap, time::Duration};

use buttress_sim::{Ending, Fault, Rule, Sim};
use http::StatusCode;

use crate::kit::{Answer, Running, Told, each, sim, target, until};

const NAMES: [&str; 3] = ["a", "b", "c"];
const TOKENS: u64 = 12;

/// Every way to fail that can be over within the test.
fn faults() -> Vec<Fault> {
    vec![
        Fault::Refuse,
        Fault::Reset,
        Fault::ConnectRefused,
        Fault::BlackHole,
        Fault::Status(500),
        Fault::RateLimit { retry_after: None },
        Fault::RateLimit { retry_after: Some(Duration::from_millis(300)) },
        Fault::ErrorEvent { after: 0 },
        Fault::ErrorEvent { after: 4 },
        Fault::ErrorThenDone { after: 3 },
        Fault::CutAfter { tokens: 0 },
        Fault::CutAfter { tokens: 5 },
        Fault::StallAfter { tokens: 2 },
        Fault::MissingEnd { finish: false },
        Fault::EmptyOk,
        Fault::ErrorIn200,
        Fault::Garbage { bytes: 3_000 },
        Fault::Gzip,
        Fault::SlowFirstToken(Duration::from_millis(150)),
        Fault::OverDeliver,
    ]
}

/// Every 250 ms another target is well, and each of the others fails at half of its calls, in another way than before.
async fn break_things(sims: Vec<Sim>) {
    let faults = faults();
    for round in 0_usize.. {
        for (place, sim) in sims.iter().enumerate() {
            sim.clear();
            if place != round % sims.len() {
                let fault = faults[(round * 7 + place * 11) % faults.len()].clone();
                sim.inject(Rule::always(fault).share(0.5)).unwrap();
            }
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Whether the caller can tell what it got, and got nothing that is not this call's: how it ended, or what is wrong.
fn verdict(answer: &Answer, model: &str, texts: &BTreeMap<String, String>) -> Result<&'static str, String> {
    let whole = || texts.get(answer.target()).map_or("nobody", String::as_str);
    let own = answer.models.iter().all(|named| named == model) && answer.ids.len() <= 1;
    match (&answer.told, answer.status) {
        (Told::Done, StatusCode::OK) if own && answer.text == whole() => Ok("done"),
        (Told::Error(error), StatusCode::OK)
            if own && whole().starts_with(&answer.text) && error["error"]["message"].is_string() =>
        {
            Ok("error event")
        }
        (Told::Refused(body), status) if !status.is_success() && body["error"]["message"].is_string() => {
            Ok("error")
        }
        _ => Err(format!("{model}: {answer:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_streams_over_failing_targets_are_whole_or_say_that_they_are_not_and_nothing_stays_held() {
    let mut sims = Vec::new();
    let mut file = String::new();
    for name in NAMES {
        let (sim, server) = sim(name, TOKENS, 8).await;
        file += &target(name, &server.base_url());
        file += "circuit_cooldown_seconds = 0.05\nlimits = { requests_per_minute = 6000000, tokens_per_minute = \
                 1000000000, concurrency = 48, max_wait_seconds = 5 }\n";
        sims.push((sim, server));
    }
    file += "[[routes]]\nmodel = \"call-*\"\ntargets = [\"a\", \"b\", \"c\"]\nattempts = 2\nhedge = 0.05\n\
             retry_base_seconds = 0.01\nretry_cap_seconds = 0.05\nfirst_content_seconds = 0.5\nidle_seconds = 0.5\n\
             total_seconds = 10\n";
    let running = Running::start(&file).await;
    let texts: BTreeMap<_, _> =
        sims.iter().map(|(sim, _)| (sim.name().to_owned(), sim.expected_text(TOKENS))).collect();
    let storm = tokio::spawn(break_things(sims.iter().map(|(sim, _)| sim.clone()).collect()));

    let caller = running.caller();
    let ends = each(1_000, 64, move |number| {
        let (caller, texts) = (caller.clone(), texts.clone());
        async move {
            let model = format!("call-{number}");
            verdict(&caller.stream(&model).await, &model, &texts)
        }
    })
    .await;
    storm.abort();

    let mut counts = BTreeMap::new();
    for end in ends {
        *counts.entry(end.unwrap()).or_insert(0) += 1;
    }
    assert_eq!(counts.values().sum::<usize>(), 1_000);
    assert!(counts["done"] >= 600, "{counts:?}");
    assert!(counts.get("error event").is_some_and(|count| *count > 0), "{counts:?}: no stream broke");
    let faulted = |(sim, _): &(Sim, _)| sim.log().iter().filter(|seen| seen.end == Ending::Faulted).count();
    assert!(sims.iter().map(faulted).sum::<usize>() > 100, "the targets did fail");

    until(|| running.is_at_rest()).await;
    until(|| match sims.iter().map(|(sim, _)| sim.in_flight()).sum() {
        0 => Ok(()),
        calls => Err(format!("{calls} calls are still running at the providers")),
    })
    .await;
}
