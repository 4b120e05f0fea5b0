//! Errors: the provider's own, and the gateway's.

use buttress_sim::{Fault, Rule};
use http::{Response, StatusCode};
use serde_json::Value;

use crate::kit::{Running, Scripted, chat, sim, target};

fn json(response: &Response<bytes::Bytes>) -> Value {
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_slice(response.body()).unwrap()
}

async fn gateway(targets: &[(&str, &str)], more: &str) -> Running {
    let names: Vec<_> = targets.iter().map(|(name, _)| format!("{name:?}")).collect();
    let file: String = targets.iter().map(|(name, url)| target(name, url)).collect();
    let route = format!("[[routes]]\nmodel = \"m\"\ntargets = [{}]\nattempts = 1\n{more}", names.join(", "));
    Running::start(&(file + &route)).await
}

#[tokio::test]
async fn an_error_keeps_the_providers_status_headers_and_body_to_the_byte() {
    let body = b"{ \"error\": {\"message\":\"no\\u0020way\",  \"type\":\"invalid_request_error\",\"param\":\"n\",\"code\":null}}\n";
    let headers = "content-type: application/json\r\nx-request-id: req_9\r\nretry-after: 7\r\n";
    for status in ["400 Bad Request", "422 Unprocessable Entity", "403 Forbidden", "529 Overloaded"] {
        let provider = Scripted::answering(status, headers, body).await;
        let running = gateway(&[("a", &provider.url)], "").await;
        for stream in [false, true] {
            let response = running.caller().whole("/v1/chat/completions", chat("m", stream)).await;
            assert_eq!(response.status().as_str(), &status[..3]);
            assert_eq!(&response.body()[..], body, "{status}");
            assert_eq!(response.headers()["x-request-id"], "req_9");
            assert_eq!(response.headers()["retry-after"], "7");
            assert_eq!(response.headers()["x-buttress-target"], "a");
        }
    }
}

#[tokio::test]
async fn when_every_target_failed_the_first_ones_own_error_is_the_answer() {
    let (a, a_server) = sim("a", 2, 1).await;
    let (b, b_server) = sim("b", 2, 1).await;
    a.inject(Rule::always(Fault::Quota)).unwrap();
    b.inject(Rule::always(Fault::Status(500))).unwrap();
    let running = gateway(&[("a", &a_server.base_url()), ("b", &b_server.base_url())], "").await;
    let response = running.caller().whole("/v1/chat/completions", chat("m", false)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(json(&response)["error"]["code"], "insufficient_quota");
    assert_eq!(response.headers()["x-buttress-target"], "a");
}

#[tokio::test]
async fn an_error_under_status_200_has_a_status_of_its_kind_and_its_own_body() {
    let (sim, server) = sim("a", 2, 1).await;
    let running = gateway(&[("a", &server.base_url())], "").await;
    let caller = running.caller();
    sim.inject(Rule::always(Fault::ErrorEvent { after: 0 })).unwrap();
    let streamed = caller.whole("/v1/chat/completions", chat("m", true)).await;
    let whole = caller.whole("/v1/chat/completions", chat("m", false)).await;
    for response in [streamed, whole] {
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert_eq!(json(&response)["error"]["type"], "server_error", "the provider's own word");
    }
}

#[tokio::test]
async fn nobody_there_is_502_and_the_hint_of_an_open_circuit_is_a_header() {
    let gone = Scripted::start(Vec::new()).await.url.clone();
    let running = gateway(&[("a", &gone)], "").await;
    let caller = running.caller();
    for _ in 0..5 {
        let response = caller.whole("/v1/chat/completions", chat("m", false)).await;
        assert_eq!(response.status(), StatusCode::BAD_GATEWAY);
        assert!(json(&response)["error"]["message"].is_string());
    }
    let response = caller.whole("/v1/chat/completions", chat("m", false)).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((55..=61).contains(&wait), "{wait}");
}

#[tokio::test]
async fn no_first_content_in_time_is_504() {
    let (sim, server) = sim("a", 2, 1).await;
    sim.inject(Rule::always(Fault::BlackHole)).unwrap();
    let running = gateway(&[("a", &server.base_url())], "first_content_seconds = 0.2\n").await;
    let response = running.caller().whole("/v1/chat/completions", chat("m", true)).await;
    assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(json(&response)["error"]["type"], "timeout");
}

#[tokio::test]
async fn what_the_gateway_refuses_is_in_openais_shape() {
    let (sim, server) = sim("a", 2, 1).await;
    let running = gateway(&[("a", &server.base_url())], "").await;
    let caller = running.caller();
    for (path, body, status, says) in [
        ("/v1/chat/completions", "{\"model\": \"m\"", 400, "cut short"),
        ("/v1/chat/completions", "{\"model\": \"m\",}", 400, "not JSON"),
        ("/v1/chat/completions", "[1]", 400, "not a JSON object"),
        ("/v1/chat/completions", "", 400, "not a JSON object"),
        ("/v1/chat/completions", "{}", 400, "model"),
        ("/v1/chat/completions", "{\"model\": \"other\"}", 404, "`other`"),
        ("/v1/embeddings", "{\"model\": \"other\"}", 404, "`other`"),
        ("/v1/audio", "{}", 404, "POST /v1/audio"),
        ("/v1/models", "{}", 405, "POST on /v1/models"),
    ] {
        let response = caller.whole(path, body).await;
        assert_eq!(response.status(), status, "{path} {body}");
        let error = &json(&response)["error"];
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
        assert_eq!(error["type"], "invalid_request_error");
    }
    assert_eq!(
        json(&caller.whole("/v1/chat/completions", "{\"model\": \"x\"}").await)["error"]["code"],
        "model_not_found"
    );
    assert!(sim.log().is_empty(), "the provider heard of none of it");
}

#[tokio::test]
async fn a_body_over_the_bound_is_413_and_one_that_does_not_come_is_408() {
    let (_sim, server) = sim("a", 2, 1).await;
    let file = "max_request_bytes = 1000\nupload_seconds = 0.2\n".to_owned()
        + &target("a", &server.base_url())
        + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let caller = running.caller();
    let big = chat(&"m".repeat(1_000), false);
    let response = caller.whole("/v1/chat/completions", big).await;
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(json(&response)["error"]["message"].as_str().unwrap().contains("1000 bytes"));

    let slow = slow_upload(&running.url).await;
    assert!(slow.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{slow}");
    assert_eq!(caller.answered_by("m").await, "a");
}

/// The answer to a request of which the body does not come.
async fn slow_upload(url: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let mut stream = tokio::net::TcpStream::connect(url.strip_prefix("http://").unwrap()).await.unwrap();
    let head =
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: gateway\r\ncontent-length: 100\r\n\r\n{\"model\"";
    stream.write_all(head).await.unwrap();
    let mut answer = vec![0; 1_000];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}
