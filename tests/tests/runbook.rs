//! The runbook: its commands are run, and what it names is there.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "runbook/curl.rs"]
mod curl;

use std::collections::BTreeSet;

use axum::{Router, body::Body};
use buttress::{
    Policies,
    admin::{self, Settings, Token},
    control::Control,
    limit,
    provider::Provider,
    stack::Target,
    telemetry::{Price, Telemetry},
};
use buttress_sim::{Fault, Rule};
use buttress_tests::fleet::{ask, quick};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use curl::{Curl, commands};

const RUNBOOK: &str = include_str!("../../docs/runbook.md");
const ADMIN: &str = "http://127.0.0.1:8080";
const TOKEN: &str = "a-token-that-nobody-guesses";

/// The route and the targets that the runbook speaks of; one call has failed over.
async fn service() -> (Control, Router) {
    let prices = vec![Price::of("azure", "m", 1.0, 1.0)];
    let telemetry = Telemetry::new(buttress::telemetry::Settings { prices, ..Default::default() }).unwrap();
    let limit = Some(limit::Policy::per_minute(500, 200_000));
    let policies = Policies { limit, telemetry, ..Policies::default() };
    let target = |name| {
        let sim = quick(name);
        if name == "openai" {
            sim.inject(Rule::always(Fault::Refuse)).unwrap();
        }
        let provider = Provider::compatible(name, "http://sim.test").api_key("any");
        Target::new(name, provider, sim.service(), &policies).unwrap()
    };
    let stack = policies.stack(["openai", "azure", "anthropic"].map(target)).unwrap();
    stack.clone().oneshot(ask("m")).await.unwrap().into_body().collect().await.unwrap();
    let control = Control::new();
    control.insert("chat", stack.handles());
    let settings = Settings { token: Some(Token::new(TOKEN).unwrap()), ..Settings::default() };
    (control.clone(), admin::router(control, settings))
}

async fn run(router: &Router, command: &Curl) -> (StatusCode, String) {
    let mut request = Request::builder().uri(command.url.strip_prefix(ADMIN).unwrap());
    for (name, value) in &command.headers {
        request = request.header(name, value);
    }
    let request = match &command.body {
        Some(body) => request.method(Method::POST).body(Body::from(body.clone())),
        None => request.body(Body::empty()),
    };
    let answer = router.clone().oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_command_does_what_it_says() {
    let (control, router) = service().await;
    let commands = commands(RUNBOOK, &[("ADMIN", ADMIN), ("TOKEN", TOKEN)]);
    let mut paths = BTreeSet::new();
    for command in &commands {
        let (status, body) = run(&router, command).await;
        assert!(status.is_success(), "{command:?}: {status} {body}");
        paths.insert(command.url.strip_prefix(ADMIN).unwrap().to_owned());
    }
    let all = [
        "/control",
        "/control/breaker",
        "/control/drain",
        "/control/force-close",
        "/control/force-open",
        "/control/limit",
        "/control/reorder",
        "/control/reset",
        "/control/resume",
        "/control/tier",
        "/control/weight",
        "/healthz",
        "/readyz",
        "/status",
    ];
    assert_eq!(paths.iter().map(String::as_str).collect::<Vec<_>>(), all, "every task is in it");

    // What they have left behind.
    let policy = control.breaker_policy("openai").unwrap();
    assert_eq!((policy.consecutive_failures, policy.failure_rate.unwrap().minimum), (Some(10), 20));
    assert!(control.breaker_policy("azure").unwrap().slow_rate.is_some());
    let quota = control.limit_policy("openai").unwrap();
    assert_eq!((quota.requests, quota.tokens), (Some(300), Some(150_000)));
    let places = control.status().routes[0].targets.clone();
    let order: Vec<_> = places.iter().map(|place| (&*place.name, place.tier, place.weight)).collect();
    assert_eq!(order, [("anthropic", 0, 1), ("azure", 0, 3), ("openai", 1, 1)]);
}

#[tokio::test(start_paused = true)]
async fn each_place_of_the_status_that_it_names_is_there() {
    let (control, _) = service().await;
    control.force_open("anthropic").unwrap();
    let status = serde_json::to_value(control.status()).unwrap();
    let places: BTreeSet<&str> = RUNBOOK
        .split('`')
        .filter(|word| {
            ["readiness.", "routes[]", "targets[]", "telemetry.", "events[]"]
                .iter()
                .any(|start| word.starts_with(start))
        })
        .collect();
    assert!(places.len() > 25, "{places:?}");
    for place in places {
        let found = place.split('.').fold(vec![&status], |found, part| {
            let name = part.strip_suffix("[]").unwrap_or(part);
            let inner = found.into_iter().filter_map(|value| value.get(name));
            if part.ends_with("[]") {
                inner.flat_map(|list| list.as_array().unwrap()).collect()
            } else {
                inner.collect()
            }
        });
        assert!(!found.is_empty(), "{place}");
        // `null` where there is nothing to tell, but not everywhere; only what needs an open circuit may be.
        let told = found.iter().any(|value| !value.is_null());
        let rare = ["open_for_seconds", "remaining_seconds", "readiness.reason"];
        assert!(told || rare.iter().any(|rare| place.ends_with(rare)), "{place} is null");
    }
    assert_eq!(status["telemetry"]["targets"][0]["failures"]["overloaded"], Value::from(1));
}

#[test]
fn a_command_is_read_as_a_shell_would() {
    let text = "```sh\ncurl -s $A/x -H \"Authorization: Bearer $T\" -d '{\"a\": \"$T\"}'\n```\n";
    let [command] = &*commands(text, &[("A", "http://a"), ("T", "t")]) else { panic!() };
    assert_eq!(command.url, "http://a/x");
    assert_eq!(command.headers, [("Authorization".to_owned(), "Bearer t".to_owned())]);
    assert_eq!(command.body.as_deref(), Some(r#"{"a": "$T"}"#), "nothing is put in between single quotes");
}
