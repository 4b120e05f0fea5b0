//! The snapshot as JSON: what a status page reads.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::time::Duration;

use buttress_call::{ByError, Kind};
use buttress_telemetry::{Change, Price, Settings, Telemetry, What};
use serde_json::json;
use tower::{Layer, ServiceExt, service_fn};

#[tokio::test(start_paused = true)]
async fn times_are_seconds_money_is_units_and_kinds_are_words() {
    let prices = vec![Price { model: None, ..Price::of("a", "", 1.0, 1.0) }];
    let telemetry = Telemetry::new(Settings { prices, ..Settings::default() }).unwrap();
    let client = service_fn(async |fails: bool| {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if fails { Err(std::io::Error::from(std::io::ErrorKind::ConnectionRefused)) } else { Ok(()) }
    });
    let client = telemetry.attempt_at("a", "openai").classify(ByError).layer(client);
    let client = telemetry.call().classify(ByError).layer(client);
    client.clone().oneshot(false).await.unwrap();
    client.oneshot(true).await.unwrap_err();
    let reason = "by hand".to_owned();
    telemetry.changed(Change { name: "a".into(), from: "closed", to: "forced_open", reason });
    tokio::time::advance(Duration::from_secs(2)).await;

    let seen = serde_json::to_value(telemetry.snapshot()).unwrap();
    assert_eq!(seen["age_seconds"], 3.0);
    assert_eq!(seen["calls"]["failures"], json!({ "connect": 1 }));
    assert_eq!(seen["calls"]["success_rate"], 0.5);
    let p50 = seen["calls"]["duration_seconds"]["p50"].as_f64().unwrap();
    assert!((p50 - 0.5).abs() < 0.02, "{p50}");
    assert_eq!(seen["calls"]["first_content_seconds"]["p99"], json!(null));
    let target = &seen["targets"][0];
    assert_eq!([&target["name"], &target["provider"]], ["a", "openai"]);
    assert_eq!(target["attempts"]["first"], 2);
    assert_eq!(target["cost"], json!({ "billed": 0.0, "useful": 0.0, "wasted": 0.0 }));
    assert_eq!(target["tokens"]["billed"]["reasoning"], 0);
    assert_eq!(target["held_back"]["limiter_wait_seconds"], 0.0);
    assert_eq!(
        seen["events"],
        json!([{
            "event": "change", "age_seconds": 2.0, "count": 1,
            "name": "a", "from": "closed", "to": "forced_open", "reason": "by hand"
        }])
    );
    let event = What::Failover { from: "a".into(), to: "b".into(), kind: Kind::Overloaded };
    let event = serde_json::to_value(event).unwrap();
    assert_eq!(event, json!({ "event": "failover", "from": "a", "to": "b", "kind": "overloaded" }));
}
