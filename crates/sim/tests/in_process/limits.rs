//! The honest bucket and its headers.

use std::time::Duration;

use buttress_sim::{Bucket, Ending, Sim, Wire};
use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::{
    bytes, call,
    common::{model, request},
    header, ms,
};

#[tokio::test(start_paused = true)]
async fn headers_tell_what_is_left_in_the_wires_own_words() {
    let wall = std::time::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let model = |wire| model(wire).bucket(Bucket::per_minute(60, 60_000)).wall_clock(wall);
    let sim = Sim::new("a", model(Wire::OpenAi)).unwrap();
    let response = call(&sim, request(Wire::OpenAi, true)).await;
    assert_eq!(header(&response, "date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(header(&response, "x-ratelimit-limit-requests"), "60");
    assert_eq!(header(&response, "x-ratelimit-remaining-requests"), "59");
    assert_eq!(header(&response, "x-ratelimit-reset-requests"), "1s");
    assert_eq!(header(&response, "x-ratelimit-remaining-tokens"), "59996");
    assert_eq!(header(&response, "x-ratelimit-reset-tokens"), "4ms");

    let sim = Sim::new("a", model(Wire::Anthropic)).unwrap();
    let response = call(&sim, request(Wire::Anthropic, true)).await;
    assert_eq!(header(&response, "anthropic-ratelimit-requests-remaining"), "59");
    assert_eq!(header(&response, "anthropic-ratelimit-requests-reset"), "2026-01-01T00:00:01Z");
    assert_eq!(header(&response, "anthropic-ratelimit-input-tokens-remaining"), "60000");
    assert_eq!(header(&response, "anthropic-ratelimit-output-tokens-limit"), "60000");
}

#[tokio::test(start_paused = true)]
async fn the_bucket_admits_again_exactly_when_it_said() {
    for wire in [Wire::OpenAi, Wire::Anthropic] {
        let sim = Sim::new("a", model(wire).bucket(Bucket::per_minute(600, 60))).unwrap();
        // 4 tokens in and 8 out: five calls use up all sixty.
        for _ in 0..5 {
            bytes(&sim, request(wire, false)).await;
        }
        let response = call(&sim, request(wire, false)).await;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(sim.log()[5].end, Ending::Refused);
        let wait = match wire {
            Wire::OpenAi => ms(header(&response, "retry-after-ms").parse().unwrap()),
            _ => Duration::from_secs(header(&response, "retry-after").parse().unwrap()),
        };
        assert!(wait <= Duration::from_secs(4));
        tokio::time::advance(wait).await;
        assert_eq!(call(&sim, request(wire, false)).await.status(), StatusCode::OK);
    }
}

#[tokio::test(start_paused = true)]
async fn google_counts_the_input_alone_and_says_in_the_body_when_it_admits_again() {
    let sim = Sim::new("a", model(Wire::Gemini).bucket(Bucket::per_minute(600, 60))).unwrap();
    // 4 tokens in: fifteen calls use up all sixty, whatever came out. They take 2.7 s, in which 2.7 flow back.
    for _ in 0..15 {
        assert_eq!(call(&sim, request(Wire::Gemini, true)).await.status(), StatusCode::OK);
    }
    let response = call(&sim, request(Wire::Gemini, true)).await;
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!((header(&response, "retry-after"), header(&response, "x-ratelimit-limit-requests")), ("", ""));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let error: Value = serde_json::from_slice(&body).unwrap();
    let [failure, _, retry] = &error["error"]["details"].as_array().unwrap()[..] else { panic!("{error}") };
    assert_eq!(failure["violations"][0]["quotaId"], "GenerateContentInputTokensPerModelPerMinute-FreeTier");
    assert_eq!(failure["violations"][0]["quotaValue"], "60");
    assert_eq!(retry["@type"], "type.googleapis.com/google.rpc.RetryInfo");
    assert_eq!(retry["retryDelay"], "4s");
    tokio::time::advance(Duration::from_secs(4)).await;
    assert_eq!(call(&sim, request(Wire::Gemini, true)).await.status(), StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn ollama_refuses_and_says_neither_why_nor_how_long() {
    let sim = Sim::new("a", model(Wire::Ollama).bucket(Bucket::per_minute(1, 600))).unwrap();
    let served = call(&sim, request(Wire::Ollama, true)).await;
    let refused = call(&sim, request(Wire::Ollama, true)).await;
    assert_eq!((served.status().as_u16(), refused.status().as_u16()), (200, 429));
    for response in [&served, &refused] {
        let names: Vec<_> = response.headers().keys().map(http::HeaderName::as_str).collect();
        assert!(names.iter().all(|name| name.starts_with("content-") || *name == "date"), "{names:?}");
    }
    let body = refused.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, r#"{"error":"too many requests"}"#);
}

#[tokio::test(start_paused = true)]
async fn more_than_the_bucket_holds_is_refused_without_a_hint() {
    let sim = Sim::new("a", model(Wire::OpenAi).bucket(Bucket::per_minute(60, 3))).unwrap();
    let response = call(&sim, request(Wire::OpenAi, true)).await;
    assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (429, ""));
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert!(std::str::from_utf8(&body).unwrap().contains("Request too large for m"));
}

#[tokio::test(start_paused = true)]
async fn output_is_charged_as_it_is_generated() {
    let sim = Sim::new("a", model(Wire::OpenAi).bucket(Bucket::per_minute(6000, 60))).unwrap();
    let mut body = call(&sim, request(Wire::OpenAi, true)).await.into_body();
    for _ in 0..5 {
        body.frame().await.unwrap().unwrap();
    }
    let other = call(&sim, request(Wire::OpenAi, true)).await;
    assert_eq!(header(&other, "x-ratelimit-remaining-tokens"), (60 - 4 - 4 - 4).to_string());
}
