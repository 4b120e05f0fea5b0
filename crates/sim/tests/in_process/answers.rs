//! Good answers.

use buttress_sim::{Ending, Latency, Model, Sim, Wire};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{
    bytes, call,
    common::{WIRES, events, is_end, json, json_of, model, post, reason, request, sim, text},
    header, ms,
};

#[tokio::test(start_paused = true)]
async fn a_stream_is_the_expected_text_and_ends_with_its_marker() {
    for wire in WIRES {
        let sim = sim(wire);
        let events = events(&bytes(&sim, request(wire, true)).await);
        assert_eq!(text(&events), sim.expected_text(8));
        assert!(is_end(wire, events.last().unwrap()));
    }
}

#[tokio::test(start_paused = true)]
async fn an_openai_stream_has_the_real_chunks() {
    let sim = sim(Wire::OpenAi);
    let events = events(&bytes(&sim, request(Wire::OpenAi, true)).await);
    assert_eq!(events.len(), 1 + 8 + 1 + 1 + 1);
    assert_eq!(events[0]["object"], "chat.completion.chunk");
    assert_eq!(events[0]["choices"][0]["delta"], serde_json::json!({"role": "assistant", "content": ""}));
    assert!(events[..10].iter().all(|event| event["usage"].is_null() && event.get("usage").is_some()));
    assert_eq!(events[9]["choices"][0]["finish_reason"], "stop");
    assert_eq!(events[10]["choices"], serde_json::json!([]));
    assert_eq!(events[10]["usage"]["prompt_tokens"], 4);
    assert_eq!(events[10]["usage"]["completion_tokens"], 8);
}

#[tokio::test(start_paused = true)]
async fn openai_says_usage_only_when_asked() {
    let sim = sim(Wire::OpenAi);
    let mut body = json(Wire::OpenAi, true);
    body.as_object_mut().unwrap().remove("stream_options");
    let events = events(&bytes(&sim, post(Wire::OpenAi.path("m", true), &body)).await);
    assert_eq!(events.len(), 1 + 8 + 1 + 1);
    assert!(events.iter().all(|event| event.get("usage").is_none()));
}

#[tokio::test(start_paused = true)]
async fn an_anthropic_stream_has_the_real_events() {
    let sim = sim(Wire::Anthropic);
    let body = bytes(&sim, request(Wire::Anthropic, true)).await;
    let events = events(&body);
    let types: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types[..3], ["message_start", "content_block_start", "ping"]);
    assert!(types[3..11].iter().all(|kind| *kind == "content_block_delta"));
    assert_eq!(types[11..], ["content_block_stop", "message_delta", "message_stop"]);
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 4);
    assert_eq!(events[12]["usage"]["output_tokens"], 8);
    assert_eq!(events[12]["delta"]["stop_reason"], "end_turn");
    let names = std::str::from_utf8(&body).unwrap().lines().filter_map(|line| line.strip_prefix("event: "));
    assert_eq!(names.collect::<Vec<_>>(), types);
}

#[tokio::test(start_paused = true)]
async fn head_tokens_and_end_keep_the_schedule() {
    for wire in [Wire::OpenAi, Wire::Anthropic, Wire::Gemini] {
        let sim = sim(wire);
        let start = Instant::now();
        let mut body = call(&sim, request(wire, true)).await.into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(start.elapsed(), ms(0), "head and prelude come at once");
        body.frame().await.unwrap().unwrap();
        assert_eq!(start.elapsed(), ms(100));
        body.collect().await.unwrap();
        assert_eq!(start.elapsed(), ms(180));
        let seen = &sim.log()[0];
        assert_eq!((seen.first_token_at, seen.ended_at), (Some(ms(100)), Some(ms(180))));
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_head_comes_with_the_first_token() {
    let sim = Sim::new("a", model(Wire::OpenAi).early_head(false)).unwrap();
    let start = Instant::now();
    call(&sim, request(Wire::OpenAi, true)).await;
    assert_eq!(start.elapsed(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_takes_as_long_as_its_tokens() {
    for wire in WIRES {
        let sim = sim(wire);
        let start = Instant::now();
        let response = call(&sim, request(wire, false)).await;
        assert_eq!(start.elapsed(), ms(180));
        let length: usize = header(&response, "content-length").parse().unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), length);
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(text(&[body]), sim.expected_text(8));
        assert_eq!((sim.log()[0].end, sim.log()[0].billed), (Ending::Answered, 12));
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_may_cut_its_answer() {
    let reasons = ["length", "max_tokens", "MAX_TOKENS", "length"];
    for (wire, why) in WIRES.into_iter().zip(reasons) {
        let sim = sim(wire);
        let answer = bytes(&sim, post(wire.path("m", true), &json_of(wire, true, 3))).await;
        let events = events(&answer);
        assert_eq!(text(&events), sim.expected_text(3));
        assert_eq!(events.iter().find_map(reason), Some(why));
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_finds_the_tokens_waiting() {
    let sim = sim(Wire::OpenAi);
    let response = call(&sim, request(Wire::OpenAi, true)).await;
    tokio::time::advance(ms(1000)).await;
    let start = Instant::now();
    response.into_body().collect().await.unwrap();
    assert_eq!(start.elapsed(), ms(0));
}

#[tokio::test(start_paused = true)]
async fn runs_with_one_seed_are_the_same_in_any_order() {
    let run = async |order: [usize; 3]| {
        let model = Model::new(Wire::OpenAi).first_token(Latency::Heavy).output_tokens(1..=50).seed(7);
        let sim = Sim::new("a", model).unwrap();
        let service = sim.service();
        let mut calls: Vec<_> =
            (0..3).map(|_| Some(service.clone().oneshot(request(Wire::OpenAi, false)))).collect();
        // Oneshot calls at its first poll: poll all once, in order, then finish them in another.
        for call in &mut calls {
            assert!(call.as_mut().unwrap().now_or_never().is_none());
        }
        for place in order {
            calls[place].take().unwrap().await.unwrap();
        }
        let log = sim.log();
        log.iter().map(|seen| (seen.number, seen.billed)).collect::<Vec<_>>()
    };
    assert_eq!(run([0, 1, 2]).await, run([2, 0, 1]).await);
}

#[tokio::test(start_paused = true)]
async fn two_sims_say_different_things() {
    let other = Sim::new("b", model(Wire::OpenAi)).unwrap();
    assert_ne!(sim(Wire::OpenAi).expected_text(8), other.expected_text(8));
}

#[tokio::test(start_paused = true)]
async fn vectors_come_after_the_time_to_the_first_token_one_for_each_text() {
    let sim = sim(Wire::OpenAi);
    let asked = |body: Value| {
        let request = http::Request::post("/v1/embeddings").header("authorization", "Bearer any");
        sim.service().oneshot(request.body(body.to_string()).unwrap())
    };
    let began = Instant::now();
    let body = serde_json::json!({"model": "e", "input": ["sixteen bytes !!", "two"], "dimensions": 4});
    let answer = asked(body).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    assert_eq!(began.elapsed(), ms(100));
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((&answer["object"], &answer["model"]), (&"list".into(), &"e".into()));
    assert_eq!(answer["data"].as_array().unwrap().len(), 2);
    assert_eq!(answer["data"][1]["index"], 1);
    assert_eq!(answer["data"][1]["embedding"].as_array().unwrap().len(), 4);
    assert_eq!(answer["usage"], serde_json::json!({"prompt_tokens": 5, "total_tokens": 5}));
    let seen = sim.log().pop().unwrap();
    assert_eq!((seen.end, seen.billed, &*seen.target), (Ending::Answered, 5, "POST /v1/embeddings"));

    for (body, status) in [
        (serde_json::json!({"model": "e"}), 400),
        (serde_json::json!({"model": "e", "input": []}), 400),
        (serde_json::json!({"model": "e", "input": "a", "dimensions": 5000}), 400),
        (serde_json::json!({"input": "a"}), 400),
        (serde_json::json!({"model": "e", "input": [1, 2, 3], "encoding_format": "base64"}), 200),
    ] {
        assert_eq!(asked(body.clone()).await.unwrap().status(), status, "{body}");
    }
}
