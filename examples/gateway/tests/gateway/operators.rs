//! What operators see, and what they can change.

use buttress_sim::{Fault, Rule};
use http::StatusCode;
use serde_json::{Value, json};

use crate::kit::{ADMIN_TOKEN, Running, Told, chat, config, sim, target};

fn file(urls: [&str; 2]) -> String {
    "admin_token_env = \"ADMIN_TOKEN\"\n".to_owned()
        + &target("a", urls[0])
        + "price = { input = 1.0, output = 1000.0 }\n"
        + &target("b", urls[1])
        + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\", \"b\"]\nattempts = 1\n"
}

async fn status(running: &Running) -> Value {
    let response = running.caller().get("/status").await;
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_slice(response.body()).unwrap()
}

async fn change(running: &Running, what: &str, body: Value) -> StatusCode {
    let request = http::Request::post(format!("{}/control/{what}", running.url))
        .header("authorization", format!("Bearer {ADMIN_TOKEN}"))
        .body(body.to_string().into());
    running.caller().send(request.unwrap()).await.status()
}

#[tokio::test]
async fn the_status_tells_of_every_call_its_target_and_its_price() {
    let (a, a_server) = sim("a", 10, 1).await;
    let (_b, b_server) = sim("b", 10, 1).await;
    let running = Running::start(&file([&a_server.base_url(), &b_server.base_url()])).await;
    let caller = running.caller();
    assert_eq!(caller.stream("m").await.told, Told::Done);
    a.inject(Rule::always(Fault::Status(500))).unwrap();
    assert_eq!(caller.answered_by("m").await, "b");

    let told = status(&running).await;
    assert_eq!(told["readiness"]["ready"], true);
    assert_eq!(told["routes"][0]["name"], "m");
    assert_eq!(told["targets"][0]["breaker"]["consecutive_failures"], 1);
    let telemetry = &told["telemetry"];
    assert_eq!(
        (&telemetry["calls"]["started"], &telemetry["calls"]["ok"]),
        (&json!(2), &json!(2)),
        "{telemetry}"
    );
    // Ten tokens at a thousand the million, and the prompt's.
    let billed = telemetry["total"]["cost"]["billed"].as_f64().unwrap();
    assert!((0.01..0.0101).contains(&billed), "{telemetry}");
}

#[tokio::test]
async fn health_is_the_processs_own_and_readiness_the_targets() {
    let (a, a_server) = sim("a", 2, 1).await;
    let (b, b_server) = sim("b", 2, 1).await;
    let running = Running::start(&file([&a_server.base_url(), &b_server.base_url()])).await;
    let caller = running.caller();
    let asked = async |path: &str| caller.get(path).await.status();
    assert_eq!((asked("/healthz").await, asked("/readyz").await), (StatusCode::OK, StatusCode::OK));
    for sim in [&a, &b] {
        sim.inject(Rule::always(Fault::Status(500))).unwrap();
    }
    for _ in 0..5 {
        caller.whole("/v1/chat/completions", chat("m", false)).await;
    }
    assert_eq!(
        (asked("/healthz").await, asked("/readyz").await),
        (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE)
    );
    assert_eq!(asked("/").await, StatusCode::OK, "the page");
}

#[tokio::test]
async fn changes_need_the_token_and_hold_at_once() {
    let (_a, a_server) = sim("a", 2, 1).await;
    let (_b, b_server) = sim("b", 2, 1).await;
    let running = Running::start(&file([&a_server.base_url(), &b_server.base_url()])).await;
    let caller = running.caller();
    for path in ["/control/force-open", "/control/drain"] {
        // With a caller's key, which is not the operator's.
        let response = caller.whole(path, json!({"target": "a"}).to_string()).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(caller.answered_by("m").await, "a");
    for (what, body, then) in [
        ("force-open", json!({"target": "a"}), "b"),
        ("reset", json!({"target": "a"}), "a"),
        ("reorder", json!({"route": "m", "targets": ["b"]}), "b"),
        ("drain", json!({"target": "b"}), "a"),
    ] {
        assert_eq!(change(&running, what, body).await, StatusCode::OK, "{what}");
        assert_eq!(caller.answered_by("m").await, then, "{what}");
    }
}

#[tokio::test]
async fn beyond_loopback_status_and_metrics_are_the_operators_alone() {
    let file = "listen = \"0.0.0.0:0\"\nanonymous = true\n".to_owned()
        + &file(["http://127.0.0.1:1", "http://127.0.0.1:1"]);
    let running = Running::start(&file).await;
    let caller = running.caller();
    for path in ["/status", "/metrics"] {
        assert_eq!(caller.get(path).await.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(caller.get("/healthz").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn the_status_follows_a_reload() {
    let (_a, a_server) = sim("a", 2, 1).await;
    let file = file([&a_server.base_url(), &a_server.base_url()]);
    let running = Running::start(&file).await;
    let file = file.replace("model = \"m\"", "model = \"n\"").replace("targets.b", "targets.c");
    running.gateway.reload(config(&file.replace("\"b\"", "\"c\"")).unwrap()).unwrap();
    let told = status(&running).await;
    assert_eq!((&told["routes"][0]["name"], &told["targets"][1]["name"]), (&json!("n"), &json!("c")));
    assert_eq!(told["routes"].as_array().unwrap().len(), 1);
}
