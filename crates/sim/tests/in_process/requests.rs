//! What the provider itself refuses.

use buttress_sim::{Ending, Sim, Wire};
use http::{Method, Request, StatusCode};

use crate::{
    call,
    common::{json, model, post, request, sim},
    header, refusal,
};

#[tokio::test(start_paused = true)]
async fn without_a_key_nobody_is_answered_but_by_ollama() {
    for (wire, status, kind) in [
        (Wire::OpenAi, 401, "invalid_request_error"),
        (Wire::Anthropic, 401, "authentication_error"),
        (Wire::Gemini, 403, "PERMISSION_DENIED"),
    ] {
        let sim = sim(wire);
        let mut request = request(wire, true);
        request.headers_mut().remove("authorization");
        let (got, body) = refusal(&sim, request).await;
        let error = &body["error"];
        let got_kind = error["type"].as_str().or(error["status"].as_str());
        assert_eq!((got.as_u16(), got_kind), (status, Some(kind)));
        assert_eq!(sim.log()[0].end, Ending::Refused);
    }
    // Ollama asks for none.
    let mut request = request(Wire::Ollama, false);
    request.headers_mut().remove("authorization");
    assert_eq!(refusal(&sim(Wire::Ollama), request).await.0, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn gemini_takes_its_key_where_google_takes_it() {
    for (header, value, query) in [
        ("x-goog-api-key", "k", ""),
        ("authorization", "Bearer k", ""),
        ("x-other", "k", "&key=k"),
        ("x-goog-api-key", " ", "&key="),
    ] {
        let mut request = request(Wire::Gemini, true);
        request.headers_mut().remove("authorization");
        request.headers_mut().insert(header, value.parse().unwrap());
        *request.uri_mut() = format!("{}{query}", request.uri()).parse().unwrap();
        let sim = sim(Wire::Gemini);
        let status = call(&sim, request).await.status().as_u16();
        assert_eq!(status, if value == " " { 403 } else { 200 }, "{header} {query}");
        // Neither is kept.
        let seen = format!("{:?}", sim.log());
        assert!(!seen.contains("Bearer k") && !seen.contains("key=k"), "{seen}");
    }
}

#[tokio::test(start_paused = true)]
async fn bad_requests_are_told_what_is_wrong() {
    let cases = [
        ("{", "JSON"),
        (r#"{"messages":[{}]}"#, "model"),
        (r#"{"model":"m","max_tokens":5}"#, "messages"),
        (r#"{"model":"m","messages":[{}],"max_tokens":0}"#, "max_tokens"),
        (r#"{"model":"m","messages":[{}],"max_tokens":5,"stream":1}"#, "stream"),
    ];
    let gemini = [
        ("[]", "JSON"),
        (r#"{"generationConfig":{}}"#, "contents"),
        (r#"{"contents":[]}"#, "contents"),
        (r#"{"contents":[{}],"generationConfig":{"maxOutputTokens":0}}"#, "maxOutputTokens"),
        (r#"{"contents":[{}],"generation_config":{"max_output_tokens":"9"}}"#, "maxOutputTokens"),
    ];
    let ollama = [
        ("{", "EOF"),
        (r#"{"messages":[{}]}"#, "model is required"),
        (r#"{"model":"m","messages":[{}],"options":{"num_predict":1.5}}"#, "num_predict"),
        (r#"{"model":"m","messages":[{}],"stream":1}"#, "stream"),
    ];
    let openai = (Wire::OpenAi, &cases[..]);
    for (wire, cases) in [openai, (Wire::Anthropic, &cases), (Wire::Gemini, &gemini), (Wire::Ollama, &ollama)]
    {
        for (body, word) in cases {
            let sim = sim(wire);
            let request = request(wire, true).map(|_| (*body).to_owned());
            let (status, body) = refusal(&sim, request).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            let error = &body["error"];
            if let Some(kind) = error["type"].as_str().or(error["status"].as_str()) {
                assert_eq!(
                    kind,
                    if wire == Wire::Gemini { "INVALID_ARGUMENT" } else { "invalid_request_error" }
                );
            }
            let message = error["message"].as_str().or(error.as_str()).unwrap();
            assert!(message.contains(word), "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_paths_methods_models_and_sizes_are_refused() {
    for wire in [Wire::OpenAi, Wire::Anthropic] {
        let model = model(wire).names(["known"]).context_window(3);
        let sim = Sim::new("a", model).unwrap();
        let with = |change: &dyn Fn(&mut Request<String>)| {
            let mut request = request(wire, true);
            change(&mut request);
            request
        };
        let cases = [
            (404, with(&|request| *request.uri_mut() = "/v2/else".parse().unwrap())),
            (405, with(&|request| *request.method_mut() = http::Method::GET)),
            (404, with(&|_| {})),
            (413, with(&|request| *request.body_mut() = " ".repeat(17 << 20))),
            (400, with(&|request| *request.body_mut() = request.body().replace("\"m\"", "\"known\""))),
        ];
        for (wanted, request) in cases {
            let (status, body) = refusal(&sim, request).await;
            assert_eq!(status.as_u16(), wanted, "{body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn google_and_ollama_refuse_in_their_own_ways() {
    let gemini = |path: &str| Wire::Gemini.path("known", true).replace("/v1beta", path);
    let cases = [
        (Wire::Gemini, 404, "text/html", Method::POST, gemini("/v2/else"), "known"),
        (Wire::Gemini, 404, "text/html", Method::GET, gemini("/v1beta"), "known"),
        (Wire::Gemini, 404, "application/json", Method::POST, Wire::Gemini.path("m", true), "known"),
        (Wire::Gemini, 400, "application/json", Method::POST, gemini("/v1beta"), "known"),
        (Wire::Ollama, 404, "text/plain", Method::POST, "/api/else".to_owned(), "known"),
        (Wire::Ollama, 405, "text/plain", Method::GET, "/api/chat".to_owned(), "known"),
        (Wire::Ollama, 404, "application/json", Method::POST, "/api/chat".to_owned(), "m"),
    ];
    for (wire, status, content_type, method, path, name) in cases {
        let sim = Sim::new("a", model(wire).names(["known"]).context_window(3)).unwrap();
        let mut request =
            post(&path, &json(wire, true)).map(|body| body.replace("\"m\"", &format!("{name:?}")));
        *request.method_mut() = method;
        let response = call(&sim, request).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert!(header(&response, "content-type").starts_with(content_type), "{path}");
    }
    for (wire, status) in [(Wire::Gemini, 400), (Wire::Ollama, 413)] {
        let request = request(wire, true).map(|_| " ".repeat(17 << 20));
        assert_eq!(refusal(&sim(wire), request).await.0.as_u16(), status);
    }
}

#[tokio::test(start_paused = true)]
async fn ollama_cuts_a_prompt_too_long_to_half_its_window_and_says_nothing() {
    let sim = Sim::new("a", model(Wire::Ollama).context_window(3)).unwrap();
    let (status, body) = refusal(&sim, request(Wire::Ollama, false)).await;
    assert_eq!(
        (status, &body["prompt_eval_count"], &body["eval_count"]),
        (StatusCode::OK, &1.into(), &8.into())
    );
    assert_eq!((sim.log()[0].input_tokens, sim.log()[0].billed), (1, 1 + 8));
}

#[tokio::test(start_paused = true)]
async fn models_are_listed_where_the_wire_lists_them() {
    for (wire, path, name) in
        [(Wire::Gemini, "/v1beta/models", "models/two"), (Wire::Ollama, "/api/tags", "two")]
    {
        let sim = Sim::new("a", model(wire).names(["one", "two"])).unwrap();
        let mut request = request(wire, true);
        *request.method_mut() = Method::GET;
        *request.uri_mut() = path.parse().unwrap();
        let (status, body) = refusal(&sim, request).await;
        assert_eq!((status, &body["models"][1]["name"]), (StatusCode::OK, &name.into()));
    }
    for wire in [Wire::OpenAi, Wire::Anthropic] {
        let sim = Sim::new("a", model(wire).names(["one", "two"])).unwrap();
        let mut request = request(wire, true);
        *request.method_mut() = http::Method::GET;
        *request.uri_mut() = "/v1/models".parse().unwrap();
        let (status, body) = refusal(&sim, request).await;
        assert_eq!((status, &body["data"][1]["id"]), (StatusCode::OK, &"two".into()));
    }
}
