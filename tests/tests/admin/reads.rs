//! What can be looked at.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::*;

#[tokio::test]
async fn a_process_that_answers_is_alive_whatever_becomes_of_its_targets() {
    let rig = Rig::quick();
    rig.control.drain("a").unwrap();
    rig.control.drain("b").unwrap();
    let seen = get(&router(&rig.control), "/healthz").await;
    assert_eq!((seen.status, &*seen.body), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn it_is_ready_while_each_route_has_a_target_and_else_says_why_not() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    rig.control.force_open("a").unwrap();
    let seen = get(&router, "/readyz").await;
    assert_eq!((seen.status, &seen.json()["ready"]), (StatusCode::OK, &Value::Bool(true)));
    rig.control.drain("b").unwrap();
    let seen = get(&router, "/readyz").await;
    assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
    let reason = r#"route "chat": no target can serve: "a" circuit forced open, "b" drained by an operator"#;
    assert_eq!(seen.json()["reason"], reason);
    assert_eq!(seen.json()["routes"][0]["ready"], false);
}

#[tokio::test(start_paused = true)]
async fn the_status_is_the_controls() {
    let rig = Rig::quick();
    rig.calls(3).await.unwrap();
    rig.control.force_open("b").unwrap();
    let seen = get(&router(&rig.control), "/status").await;
    assert_eq!(seen.status, StatusCode::OK);
    assert_eq!(seen.json(), serde_json::to_value(rig.control.status()).unwrap());
    assert_eq!(seen.json()["targets"][0]["limit"]["admitted"], 3);
}

#[tokio::test]
async fn metrics_are_what_the_exporter_renders() {
    let rig = Rig::quick();
    let renders = Arc::new(AtomicUsize::new(0));
    let count = renders.clone();
    let render = move || format!("renders_total {}\n", count.fetch_add(1, Relaxed) + 1);
    let with = Settings { metrics: Some(Arc::new(render)), ..settings() };
    let router_with = admin::router(rig.control.clone(), with);
    for text in ["renders_total 1\n", "renders_total 2\n"] {
        let seen = get(&router_with, "/metrics").await;
        assert_eq!((seen.status, &*seen.body), (StatusCode::OK, text));
        assert_eq!(seen.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    }
    let seen = get(&router(&rig.control), "/metrics").await;
    assert_eq!(seen.status, StatusCode::NOT_FOUND);
    assert_eq!(seen.error()[2], "no exporter is configured");
}

#[tokio::test]
async fn it_may_be_nested_and_leaves_other_paths_to_others() {
    let rig = Rig::quick();
    let outer = Router::new().nest("/admin", router(&rig.control)).fallback(|| async { "another's" });
    for path in ["/admin", "/admin/status", "/admin/healthz"] {
        assert_eq!(get(&outer, path).await.status, StatusCode::OK, "{path}");
    }
    assert_eq!(get(&outer, "/status").await.body, "another's");
    let merged = Router::new().route("/v1/models", axum::routing::get(|| async { "models" }));
    let merged = merged.merge(router(&rig.control));
    assert_eq!(get(&merged, "/v1/models").await.body, "models");
    assert_eq!(get(&merged, "/readyz").await.status, StatusCode::OK);
}
