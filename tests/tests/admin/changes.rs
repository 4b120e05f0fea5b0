//! Each change, and its refusals.

use buttress_sim::{Fault, Rule};
use buttress_tests::rig::ROUTE;
use serde_json::json;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_circuit_is_forced_and_reset() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    for (path, state, calls) in [
        ("force-open", "forced_open", [0, 2]),
        ("force-close", "forced_closed", [2, 0]),
        ("reset", "closed", [2, 0]),
    ] {
        let seen = change(&router, path, r#"{"target": "a"}"#).await;
        assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
        assert_eq!(seen.json()["target"]["breaker"]["state"], state);
        assert_eq!(rig.calls(2).await.unwrap(), calls, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn thresholds_change_one_by_one_and_the_others_stay() {
    let rig = Rig::quick();
    rig.sims[0].inject(Rule::always(Fault::Refuse)).unwrap();
    let router = router(&rig.control);
    let body = r#"{"target": "a", "consecutive_failures": 1, "open_seconds": 7, "failure_rate": {"share": 0.5, "minimum": 20}}"#;
    let seen = change(&router, "breaker", body).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    let policy = seen.json()["target"]["breaker"]["policy"].take();
    assert_eq!(policy["consecutive_failures"], 1);
    assert_eq!(policy["failure_rate"], json!({"share": 0.5, "minimum": 20}));
    assert_eq!((&policy["open_seconds"], &policy["open_max_seconds"]), (&json!(7.0), &Value::Null));
    assert_eq!((&policy["probes"], &policy["probe_lease_seconds"]), (&json!(1), &json!(15.0)));
    rig.call().await.unwrap();
    assert!(rig.stack.breakers[0].is_open(), "one failure was enough");

    let seen = change(
        &router,
        "breaker",
        r#"{"target": "a", "consecutive_failures": null, "open_max_seconds": 60}"#,
    )
    .await;
    let policy = seen.json()["target"]["breaker"]["policy"].take();
    assert_eq!((&policy["consecutive_failures"], &policy["open_max_seconds"]), (&Value::Null, &json!(60.0)));
    assert_eq!(policy["failure_rate"]["minimum"], 20);
}

#[tokio::test(start_paused = true)]
async fn quotas_change_one_by_one_and_the_others_stay() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    let seen = change(&router, "limit", r#"{"target": "a", "requests": 1, "window": "sliding"}"#).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.body);
    let limit = seen.json()["target"]["limit"].take();
    assert_eq!(
        (&limit["requests"]["per_minute"], &limit["policy"]["tokens"]),
        (&json!(1), &json!(60_000_000))
    );
    assert_eq!(rig.calls(3).await.unwrap(), [1, 2]);
    let seen = change(&router, "limit", r#"{"target": "a", "requests": null}"#).await;
    assert_eq!(seen.json()["target"]["limit"]["requests"], Value::Null);
    assert_eq!(rig.calls(3).await.unwrap(), [3, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_target_is_drained_and_resumed_everywhere_or_in_one_route() {
    let rig = Rig::quick();
    rig.control.route("mail").failover(Rig::quick().stack.failover);
    let admin = router(&rig.control);
    let told = |seen: &Seen| {
        let routes = seen.json()["routes"].take();
        let words = |route: &Value| format!("{} {}", route["name"], route["targets"][0]["state"]);
        routes.as_array().unwrap().iter().map(words).collect::<Vec<_>>()
    };
    let seen = change(&admin, "drain", r#"{"target": "a"}"#).await;
    assert_eq!(told(&seen), [r#""chat" "drained""#, r#""mail" "drained""#]);
    assert_eq!(rig.calls(2).await.unwrap(), [0, 2]);
    let seen = change(&admin, "resume", r#"{"target": "a", "route": "chat"}"#).await;
    assert_eq!(told(&seen), [r#""chat" "warming_up""#, r#""mail" "drained""#]);
    assert_eq!(rig.calls(2).await.unwrap(), [2, 0]);
}

#[tokio::test(start_paused = true)]
async fn order_weight_and_tier_change() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    let seen = change(&router, "reorder", r#"{"route": "chat", "targets": ["b"]}"#).await;
    assert_eq!(seen.json()["routes"][0]["targets"][0]["name"], "b");
    assert_eq!(rig.calls(2).await.unwrap(), [0, 2]);
    let seen = change(&router, "tier", r#"{"route": "chat", "target": "b", "tier": 3}"#).await;
    assert_eq!(seen.json()["routes"][0]["targets"][1]["tier"], 3);
    assert_eq!(rig.calls(2).await.unwrap(), [2, 0]);
    let seen = change(&router, "weight", r#"{"route": "chat", "target": "b", "weight": 9}"#).await;
    assert_eq!(seen.json()["routes"][0]["targets"][1]["weight"], 9);
}

#[tokio::test]
async fn what_cannot_be_done_is_an_error_with_what_value_and_rule() {
    let rig = Rig::quick();
    rig.control.target("bare");
    let router = router(&rig.control);
    let (unknown, refused) = (StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY);
    for (path, body, status, [what, value, rule]) in [
        (
            "force-open",
            r#"{"target": "c"}"#,
            unknown,
            ["target", r#""c""#, r#"is not registered; there are "a", "b" and "bare""#],
        ),
        (
            "reset",
            r#"{"target": "bare"}"#,
            unknown,
            ["target", r#""bare""#, r#"has no breaker; there are "a" and "b""#],
        ),
        (
            "limit",
            r#"{"target": "bare", "requests": 1}"#,
            unknown,
            ["target", r#""bare""#, r#"has no limiter; there are "a" and "b""#],
        ),
        (
            "drain",
            r#"{"target": "c"}"#,
            unknown,
            ["target", r#""c""#, r#"no route has it; there are "a" and "b""#],
        ),
        (
            "drain",
            r#"{"target": "a", "route": "mail"}"#,
            unknown,
            ["route", r#""mail""#, r#"is not registered; there is "chat""#],
        ),
        (
            "tier",
            r#"{"route": "chat", "target": "c", "tier": 1}"#,
            unknown,
            ["target", r#""c""#, r#"route "chat" does not have it; there are "a" and "b""#],
        ),
        (
            "reorder",
            r#"{"route": "chat", "targets": ["b", "b"]}"#,
            refused,
            [r#"targets of route "chat""#, r#"["b", "b"]"#, r#"two targets are named "b""#],
        ),
        (
            "breaker",
            r#"{"target": "a", "probes": 0}"#,
            refused,
            ["breaker policy: probes", "0", "must be at least 1"],
        ),
        (
            "breaker",
            r#"{"target": "a", "probe_lease_seconds": -1}"#,
            refused,
            ["probe_lease_seconds", "-1", "must be a number of seconds, from 0 to ten years"],
        ),
        (
            "breaker",
            r#"{"target": "a", "probes": "three"}"#,
            refused,
            ["probes", r#""three""#, r#"invalid type: string "three", expected u32"#],
        ),
        (
            "breaker",
            r#"{"target": "a", "slow_rate": {"share": 0.5, "minimum": 10}}"#,
            refused,
            ["slow_rate.than_seconds and than_times_usual", "none", "one of the two must be given"],
        ),
        (
            "limit",
            r#"{"target": "a", "requests": 0}"#,
            refused,
            ["limit policy: requests", "0", "must be 1 to 4294967295"],
        ),
        (
            "limit",
            r#"{"target": "a", "window": "calendar"}"#,
            refused,
            ["window", "calendar", r#"must be "bucket" or "sliding""#],
        ),
        (
            "limit",
            r#"{"target": "a", "max_waiting": null}"#,
            refused,
            ["max_waiting", "null", "invalid type: null, expected usize"],
        ),
    ] {
        let seen = change(&router, path, body).await;
        assert_eq!(seen.status, status, "{path} {body}: {}", seen.body);
        assert_eq!(seen.error(), [what, value, rule], "{path} {body}");
    }
    // None of it has changed anything.
    assert_eq!(rig.control.status().events, []);
    assert_eq!(&*rig.control.status().routes[0].targets[0].name, "a");
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_an_error_that_says_why() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    for (path, body, rule) in [
        ("force-open", "", "EOF while parsing"),
        ("force-open", "target=a", "expected"),
        ("force-open", "{}", "missing field `target`"),
        ("force-open", r#"{"target": "a", "force": true}"#, "unknown field `force`, expected `target`"),
        ("drain", r#"{"target": "a", "rout": "chat"}"#, "unknown field `rout`"),
        ("reorder", r#"{"route": "chat"}"#, "missing field `targets`"),
        ("weight", r#"{"route": "chat", "target": "a", "weight": -1}"#, "expected u32"),
    ] {
        let seen = change(&router, path, body).await;
        assert_eq!(seen.status, StatusCode::BAD_REQUEST, "{path} {body}: {}", seen.body);
        assert!(seen.body.contains(rule), "{path} {body}: {}", seen.body);
    }
    for body in [r#"{"target": "a"}"#, r#"{"target": "a", "probez": 3}"#] {
        let seen = change(&router, "breaker", body).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", seen.body);
    }
    let seen = change(&router, "breaker", r#"{"target": "a", "probez": 3}"#).await;
    assert!(
        seen.body.contains("unknown field `probez`, expected one of `consecutive_failures`"),
        "{}",
        seen.body
    );
    assert_eq!(rig.control.status().events, []);
}

#[tokio::test]
async fn a_body_too_large_is_refused() {
    let rig = Rig::quick();
    let router = admin::router(rig.control.clone(), Settings { max_body: 64, ..settings() });
    let body = format!(r#"{{"target": "{}"}}"#, "a".repeat(64));
    let seen = change(&router, "reset", &body).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(seen.error()[2], "must be at most 64 bytes long");
    assert_eq!(change(&router, "reset", r#"{"target": "a"}"#).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_operators_change_of_one_policy_at_the_same_time_is_not_lost() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    for round in 1..=100 {
        let [one, other] = ["probes", "consecutive_failures"].map(|field| {
            let (router, body) = (router.clone(), format!(r#"{{"target": "a", "{field}": {round}}}"#));
            tokio::spawn(async move { change(&router, "breaker", &body).await.status })
        });
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (StatusCode::OK, StatusCode::OK));
        let policy = rig.control.breaker_policy("a").unwrap();
        assert_eq!((policy.probes, policy.consecutive_failures), (round, Some(round)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_route_that_was_reloaded_is_the_one_that_is_changed() {
    let [old, new] = [Rig::quick(), Rig::quick()];
    let router = router(&old.control);
    old.control.replace(&new.control);
    assert_eq!(change(&router, "drain", r#"{"target": "a"}"#).await.status, StatusCode::OK);
    assert_eq!(new.calls(2).await.unwrap(), [0, 2]);
    assert_eq!(old.calls(2).await.unwrap(), [2, 0]);
    assert_eq!(&*old.control.status().routes[0].name, ROUTE);
}
