//! What is Ollama's alone: lines, durations, and streams that nobody asked for.

use buttress_sim::{Ending, Fault, Sim, Wire};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    bytes, call,
    common::{broken, events, json, model, post, request, sim, text},
    header, ms, refusal,
};

const GENERATE: &str = "/api/generate";

#[tokio::test(start_paused = true)]
async fn a_stream_has_the_real_lines() {
    let wall = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_767_225_600);
    let sim = Sim::new("a", model(Wire::Ollama).wall_clock(wall)).unwrap();
    let response = call(&sim, request(Wire::Ollama, true)).await;
    assert_eq!(header(&response, "content-type"), "application/x-ndjson");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let lines = events(&body);
    assert_eq!((lines.len(), body.last()), (8 + 1, Some(&b'\n')));
    assert!(lines[..8].iter().all(|line| line["done"] == false && line.get("total_duration").is_none()));
    assert_eq!(lines[0]["message"]["role"], "assistant");
    assert_eq!(lines[0]["created_at"], "2026-01-01T00:00:00.1Z");
    let last = &lines[8];
    assert_eq!((&last["message"]["content"], &last["done_reason"]), (&"".into(), &"stop".into()));
    assert_eq!((&last["prompt_eval_count"], &last["eval_count"]), (&4.into(), &8.into()));
}

#[tokio::test(start_paused = true)]
async fn its_durations_are_nanoseconds_and_add_up() {
    for stream in [true, false] {
        let answer = bytes(&sim(Wire::Ollama), request(Wire::Ollama, stream)).await;
        let last = events(&answer).pop().unwrap();
        let nanos = |name: &str| last[name].as_u64().unwrap();
        assert_eq!((nanos("prompt_eval_duration"), nanos("eval_duration")), (100_000_000, 80_000_000));
        assert_eq!(nanos("total_duration"), 180_000_000);
    }
}

#[tokio::test(start_paused = true)]
async fn it_streams_unless_told_not_to() {
    for (stream, lines) in [(None, 9), (Some(true), 9), (Some(false), 1)] {
        let sim = sim(Wire::Ollama);
        let mut body = json(Wire::Ollama, false);
        match stream {
            Some(stream) => body["stream"] = stream.into(),
            None => drop(body.as_object_mut().unwrap().remove("stream")),
        }
        assert_eq!(events(&bytes(&sim, post("/api/chat", &body)).await).len(), lines, "{stream:?}");
        assert_eq!(sim.log()[0].stream, lines > 1);
    }
}

#[tokio::test(start_paused = true)]
async fn generate_says_a_text_where_chat_says_a_message() {
    let sim = sim(Wire::Ollama);
    let body = serde_json::json!({"model": "m", "prompt": "sixteen bytes !!", "system": "four"});
    let lines = events(&bytes(&sim, post(GENERATE, &body)).await);
    assert!(lines.iter().all(|line| line["response"].is_string() && line.get("message").is_none()));
    assert_eq!((text(&lines), lines.len()), (sim.expected_text(8), 9));
    assert_eq!(lines[8]["prompt_eval_count"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_prompt_loads_the_model() {
    let chat = serde_json::json!({"model": "m", "messages": []});
    for (path, body) in [(GENERATE, serde_json::json!({"model": "m"})), ("/api/chat", chat)] {
        let sim = sim(Wire::Ollama);
        let (_, body) = refusal(&sim, post(path, &body)).await;
        assert_eq!((&body["done"], &body["done_reason"]), (&true.into(), &"load".into()), "{body}");
        assert_eq!((body.get("eval_count"), body.get("prompt_eval_count")), (None, None));
        assert_eq!((sim.log()[0].end, sim.log()[0].billed), (Ending::Answered, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_no_limit_is_none() {
    for limit in [-1, 0] {
        let sim = sim(Wire::Ollama);
        let mut body = json(Wire::Ollama, false);
        body["options"]["num_predict"] = limit.into();
        let (_, body) = refusal(&sim, post("/api/chat", &body)).await;
        assert_eq!(body["eval_count"], 8);
    }
}

#[tokio::test(start_paused = true)]
async fn its_head_comes_with_its_first_line() {
    let sim = sim(Wire::Ollama);
    let start = Instant::now();
    let mut body = call(&sim, request(Wire::Ollama, true)).await.into_body();
    assert_eq!(start.elapsed(), ms(100));
    body.frame().await.unwrap().unwrap();
    assert_eq!(start.elapsed(), ms(100));
}

#[tokio::test(start_paused = true)]
async fn an_error_is_a_line_with_a_text_and_may_come_before_a_clean_end() {
    for after in [0, 3] {
        let sim = broken(Wire::Ollama, Fault::ErrorThenDone { after });
        let lines = events(&bytes(&sim, request(Wire::Ollama, true)).await);
        let [said @ .., error, done] = &lines[..] else { panic!("two lines at least") };
        assert_eq!((text(said), said.len()), (sim.expected_text(after.into()), after as usize));
        assert!(error["error"].as_str().is_some_and(|text| text.starts_with("an error was encountered")));
        assert_eq!(
            (&done["done"], done["eval_count"].as_u64().unwrap_or(0)),
            (&Value::Bool(true), after.into())
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_used_up_quota_is_a_429_that_says_so_in_words_alone() {
    let (status, body) = refusal(&broken(Wire::Ollama, Fault::Quota), request(Wire::Ollama, true)).await;
    assert_eq!(status.as_u16(), 429);
    assert!(body["error"].as_str().unwrap().contains("weekly usage limit"), "{body}");
}
