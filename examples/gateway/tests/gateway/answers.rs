//! What passes, and what does not.

use buttress_sim::Sim;
use http::StatusCode;
use serde_json::Value;

use crate::kit::{Act, Running, Scripted, TARGET_KEY, Told, chat, sim, target};

#[tokio::test]
async fn an_answer_passes_byte_for_byte_with_the_target_in_a_header() {
    // Odd spaces, an unknown field, a number that a parser would round.
    let body = b"{ \"id\":\"x\",\n\"choices\" : [{\"index\":0,\"message\":{\"content\":\"\\u00e9\"},\"finish_reason\":\"stop\"}],\
                 \"x\":1.00000000000000000001 }\n";
    let headers = "content-type: application/json\r\nx-request-id: req_1\r\nset-cookie: a=b\r\nkeep-alive: timeout=5\r\n";
    let provider = Scripted::answering("200 OK", headers, body).await;
    let file = target("a", &provider.url) + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;

    let response = running.caller().whole("/v1/chat/completions", chat("m", false)).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(&response.body()[..], body);
    assert_eq!(response.headers()["x-buttress-target"], "a");
    assert_eq!(response.headers()["x-request-id"], "req_1");
    for gone in ["set-cookie", "keep-alive"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn the_request_passes_with_the_targets_key_and_without_what_is_the_callers() {
    let provider = Scripted::answering("200 OK", "content-type: application/json\r\n", b"{}").await;
    let file = target("a", &provider.url)
        + "models = { \"m\" = \"vendor/m\" }\n\
           [[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let caller = running.caller();

    let sent = "{ \"model\" : \"m\", \"seed\": 1.0, \"messages\":[] }";
    let request = caller
        .request("/v1/chat/completions")
        .header("openai-organization", "org-of-the-caller")
        .header("cookie", "session=1")
        .header("x-forwarded-for", "10.0.0.1")
        .header("x-stainless-lang", "python")
        .body(sent.to_owned().into());
    caller.send(request.unwrap()).await;

    let seen = provider.seen().pop().unwrap();
    assert!(seen.ends_with("{ \"model\" : \"vendor/m\", \"seed\": 1.0, \"messages\":[] }"), "{seen}");
    for there in [&*format!("authorization: Bearer {TARGET_KEY}"), "x-stainless-lang: python"] {
        assert!(seen.contains(there), "{there}: {seen}");
    }
    for gone in [crate::kit::CALLER_KEY, "org-of-the-caller", "session=1", "10.0.0.1"] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
}

#[tokio::test]
async fn a_target_without_a_key_does_not_get_the_callers() {
    let provider = Scripted::answering("200 OK", "content-type: application/json\r\n", b"{}").await;
    let file = target("a", &provider.url).replace("api_key_env = \"TARGET_KEY\"\n", "")
        + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    running.caller().whole("/v1/chat/completions", chat("m", false)).await;
    assert!(!provider.seen()[0].contains("authorization"), "{:?}", provider.seen());
}

#[tokio::test]
async fn a_stream_passes_byte_for_byte_however_the_provider_cuts_it() {
    let events = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"one\"}}]}\n\n: ping\n\ndata: \
                  {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"two\"},\"finish_reason\":\"stop\"}]}\r\n\r\ndata: [DONE]\n\n";
    for size in [1, 7, 64, 1_000] {
        let pieces: Vec<&str> =
            (0..events.len()).step_by(size).map(|at| &events[at..(at + size).min(events.len())]).collect();
        let last = Act::Send("0\r\n\r\n".into());
        let provider = Scripted::streaming(&pieces, last).await;
        let file = target("a", &provider.url) + "[[routes]]\nmodel = \"m\"\ntargets = [\"a\"]\n";
        let running = Running::start(&file).await;
        // Asked for by the caller, so that there is nothing to hide.
        let body = chat("m", true)
            .replace("\"stream\":true", "\"stream\":true,\"stream_options\":{\"include_usage\":true}");
        let response = running.caller().whole("/v1/chat/completions", body).await;
        assert_eq!(response.body(), events, "in pieces of {size}");
    }
}

#[tokio::test]
async fn a_whole_and_a_streamed_answer_are_the_providers() {
    let (sim, server) = sim("a", 8, 1).await;
    let file = target("a", &server.base_url()) + "[[routes]]\nmodel = \"gpt-*\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let caller = running.caller();

    let streamed = caller.stream("gpt-5").await;
    assert_eq!((streamed.told, streamed.text), (Told::Done, sim.expected_text(8)));
    assert_eq!(streamed.headers["content-type"], "text/event-stream; charset=utf-8");
    let whole = caller.whole("/v1/chat/completions", chat("gpt-5", false)).await;
    let whole: Value = serde_json::from_slice(whole.body()).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], sim.expected_text(8));
}

#[tokio::test]
async fn embeddings_go_where_the_model_goes() {
    let body = b"{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"index\":0,\"embedding\":[0.5]}],\
                 \"model\":\"e\",\"usage\":{\"prompt_tokens\":1,\"total_tokens\":1}}";
    let provider = Scripted::answering("200 OK", "content-type: application/json\r\n", body).await;
    let file = target("a", &provider.url) + "[[routes]]\nmodel = \"e\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let response = running.caller().whole("/v1/embeddings", "{\"model\":\"e\",\"input\":\"text\"}").await;
    assert_eq!(&response.body()[..], body);
    assert!(provider.seen()[0].starts_with("POST /v1/embeddings HTTP/1.1"));
}

fn models(sim: &Sim) -> Vec<String> {
    sim.log().into_iter().map(|seen| seen.model).collect()
}

#[tokio::test]
async fn a_name_comes_before_a_pattern_and_an_entrys_model_is_what_its_target_is_asked_for() {
    let (a, a_server) = sim("a", 2, 1).await;
    let (b, b_server) = sim("b", 2, 1).await;
    let file = target("a", &a_server.base_url())
        + &target("b", &b_server.base_url())
        + "[[routes]]\nmodel = \"gpt-*\"\ntargets = [\"a\"]\n\
           [[routes]]\nmodel = \"gpt-5\"\ntargets = [{ target = \"b\", model = \"qwen3\" }]\n";
    let running = Running::start(&file).await;
    let caller = running.caller();
    assert_eq!(caller.answered_by("gpt-5").await, "b");
    assert_eq!(caller.answered_by("gpt-5-mini").await, "a");
    assert_eq!((models(&a), models(&b)), (vec!["gpt-5-mini".to_owned()], vec!["qwen3".to_owned()]));
}

#[tokio::test]
async fn the_models_are_those_that_have_a_name() {
    let file = target("a", "http://127.0.0.1:1")
        + "[[routes]]\nmodel = \"gpt-5\"\ntargets = [\"a\"]\n[[routes]]\nmodel = \"org/*\"\ntargets = [\"a\"]\n";
    let running = Running::start(&file).await;
    let caller = running.caller();
    let list: Value = serde_json::from_slice(caller.get("/v1/models").await.body()).unwrap();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    assert_eq!((&list["data"][0]["id"], &list["data"][0]["object"]), (&"gpt-5".into(), &"model".into()));
    for (path, status) in [("gpt-5", 200), ("org/any", 200), ("claude", 404)] {
        assert_eq!(caller.get(&format!("/v1/models/{path}")).await.status(), status, "{path}");
    }
}
