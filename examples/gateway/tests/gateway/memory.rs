//! Memory over many calls. It takes a minute, and says something of a release build only:
//!
//! ```sh
//! cargo test --release -p buttress-gateway --test gateway -- --ignored --nocapture
//! ```

use buttress_sim::{Fault, Rule};

use crate::kit::{Child, chat, each, sim, target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "50,000 calls: a minute in a release build"]
async fn memory_is_flat_over_fifty_thousand_calls() {
    let (a, a_server) = sim("a", 16, 0).await;
    let (_b, b_server) = sim("b", 16, 0).await;
    // One in ten fails before its first content, one in ten after it.
    a.inject(Rule::always(Fault::Status(500)).share(0.1)).unwrap();
    a.inject(Rule::always(Fault::CutAfter { tokens: 5 }).share(0.1)).unwrap();
    let limits = "circuit_threshold = 0\nlimits = { requests_per_minute = 60000000, tokens_per_minute = 1000000000000 }\n";
    let file = target("a", &a_server.base_url())
        + limits
        + &target("b", &b_server.base_url())
        + "[[routes]]\nmodel = \"*\"\ntargets = [\"a\", \"b\"]\nattempts = 1\nhedge = 0.05\n";
    let child = Child::start(Some(&file), "error").await;
    let caller = child.caller();
    let mut seen = Vec::new();
    for round in 1..=5 {
        let caller = caller.clone();
        let calls = each(10_000, 32, move |number| {
            let caller = caller.clone();
            async move {
                // Callers choose the names: there may be any number of them.
                let body = chat(&format!("model-{round}-{number}"), number % 2 == 0);
                let response = caller.post("/v1/chat/completions", body).await;
                let ok = response.status().is_success();
                http_body_util::BodyExt::collect(response).await.is_ok() && ok
            }
        });
        let ok = calls.await.into_iter().filter(|ok| *ok).count();
        assert!(ok > 9_000, "{ok} of 10,000 answered");
        // What Prometheus would do.
        child.caller().get("/metrics").await;
        seen.push(child.memory());
        println!("after {:>6} calls: {:.1} MiB", round * 10_000, child.memory());
    }
    assert!(seen[4] <= seen[0] * 1.1 + 4.0, "{seen:?} MiB");
}
