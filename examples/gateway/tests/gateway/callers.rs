//! Who may call.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::kit::{Running, chat, config, sim, target};

#[tokio::test]
async fn without_its_key_a_caller_gets_401_and_the_provider_hears_nothing() {
    let (sim, server) = sim("a", 2, 1).await;
    let file = "callers = { web = \"CALLER_KEY\" }\n".to_owned()
        + &target("a", &server.base_url())
        + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let caller = running.caller();
    for path in ["/v1/chat/completions", "/v1/embeddings", "/v1/models", "/v1/models/m"] {
        for key in [None, Some("Bearer wrong"), Some("Bearer gw-caller-987654321"), Some("Basic gw")] {
            let url = format!("{}{path}", running.url);
            let mut request = if path.contains("models") { Request::get(url) } else { Request::post(url) };
            if let Some(key) = key {
                request = request.header("authorization", key);
            }
            let response = caller.send(request.body(Full::<Bytes>::from(chat("m", false))).unwrap()).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {key:?}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["error"]["type"], "invalid_request_error");
        }
    }
    assert!(sim.log().is_empty());
    assert_eq!(caller.answered_by("m").await, "a");
}

#[tokio::test]
async fn beyond_loopback_there_must_be_callers() {
    let file = |more: &str| {
        format!("listen = \"0.0.0.0:0\"\n{more}")
            + &target("a", "http://127.0.0.1:1")
            + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n"
    };
    let error = config(&file("")).unwrap_err().to_string();
    assert!(error.contains("listen") && error.contains("0.0.0.0:0") && error.contains("callers"), "{error}");
    for more in ["anonymous = true\n", "callers = { web = \"CALLER_KEY\" }\n"] {
        config(&file(more)).unwrap();
    }
}
