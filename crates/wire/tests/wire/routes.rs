//! What the path of a request tells.

use buttress_call::Shape;
use buttress_wire::{Dialect, Edit, Route, edit};
use bytes::Bytes;
use proptest::prelude::*;

#[test]
fn a_path_tells_the_language_and_what_else_it_chooses() {
    use Dialect::{Anthropic, Bedrock, BedrockInvoke, Cohere, Gemini, Ollama, OpenAi, Responses, Tgi};

    for (api, path, dialect, model, stream) in [
        (OpenAi, "/v1/chat/completions", OpenAi, None, None),
        (OpenAi, "/v1/completions", OpenAi, None, None),
        (OpenAi, "/v1/responses", Responses, None, None),
        (OpenAi, "/api/v1/messages", Anthropic, None, None),
        (OpenAi, "/openai/deployments/gpt-5/chat/completions", OpenAi, Some("gpt-5"), None),
        // What belongs to the method is no model.
        (OpenAi, "/openai/deployments/chat/completions", OpenAi, None, None),
        (Anthropic, "/v1/messages", Anthropic, None, None),
        (
            Gemini,
            "/v1beta/models/gemini-2.5-pro:generateContent",
            Gemini,
            Some("gemini-2.5-pro"),
            Some(false),
        ),
        (Gemini, "/v1beta/tunedModels/mine:streamGenerateContent", Gemini, Some("mine"), Some(true)),
        (Gemini, "/v1beta/openai/chat/completions", OpenAi, None, None),
        (
            Gemini,
            "/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent",
            Gemini,
            Some("gemini-2.5-pro"),
            Some(true),
        ),
        (
            Gemini,
            "/v1/projects/p/locations/l/publishers/anthropic/models/claude-opus-4-1@20250805:streamRawPredict",
            Anthropic,
            Some("claude-opus-4-1@20250805"),
            None,
        ),
        (
            Bedrock,
            "/model/amazon.nova-pro-v1%3A0/converse",
            Bedrock,
            Some("amazon.nova-pro-v1:0"),
            Some(false),
        ),
        (Bedrock, "/model/arn%3Aaws%3Ax%2Fy/converse-stream", Bedrock, Some("arn:aws:x/y"), Some(true)),
        (Bedrock, "/model/m/invoke-with-response-stream", BedrockInvoke, Some("m"), Some(true)),
        (BedrockInvoke, "/model/m/invoke", BedrockInvoke, Some("m"), Some(false)),
        (Cohere, "/v2/chat", Cohere, None, None),
        (Cohere, "/compatibility/v1/chat/completions", OpenAi, None, None),
        (Ollama, "/api/chat", Ollama, None, None),
        (Ollama, "/api/generate", Ollama, None, None),
        (Ollama, "/v1/chat/completions", OpenAi, None, None),
        (Tgi, "/generate", Tgi, None, Some(false)),
        (Tgi, "/generate_stream", Tgi, None, Some(true)),
        (Tgi, "/", Tgi, None, None),
        (Tgi, "/v1/chat/completions", OpenAi, None, None),
    ] {
        let route = Route::of(api, path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!((route.dialect, route.model.as_deref(), route.stream), (dialect, model, stream), "{path}");
    }
}

#[test]
fn where_nothing_is_generated_there_is_no_route() {
    for (api, path) in [
        (Dialect::OpenAi, "/v1/embeddings"),
        (Dialect::OpenAi, "/v1/models"),
        (Dialect::OpenAi, "/v1/threads/t/messages"),
        (Dialect::Anthropic, "/v1/messages/count_tokens"),
        (Dialect::Gemini, "/v1beta/models/m:countTokens"),
        (Dialect::Gemini, "/v1beta/models/m:embedContent"),
        (Dialect::Bedrock, "/model/m/count-tokens"),
        (Dialect::Bedrock, "/guardrail/g/version/1/apply"),
        (Dialect::Cohere, "/v2/embed"),
        (Dialect::Ollama, "/api/tags"),
        (Dialect::Tgi, "/health"),
    ] {
        assert_eq!(Route::of(api, path), None, "{path}");
    }
}

#[test]
fn the_way_to_the_chat_leads_there() {
    for dialect in Dialect::ALL {
        for stream in [false, true] {
            let path = dialect.chat_path("vendor/model:1 a", stream).unwrap();
            let (path, query) = path.split_once('?').unwrap_or((&path, ""));
            let route = Route::of(dialect, path).unwrap();
            assert_eq!(route.dialect, dialect, "{path}");
            assert!(route.stream.is_none_or(|decided| decided == stream), "{path}");
            assert_eq!(query == "alt=sse", dialect == Dialect::Gemini && stream);
            let model = (!dialect.has_model_in_body()).then_some("vendor/model:1 a");
            assert_eq!(route.model.as_deref(), model, "{path}");
        }
    }
}

#[test]
fn a_model_in_the_url_is_changed_there_and_not_in_the_body() {
    let route = Route::of(Dialect::Bedrock, "/base/model/a%2Fb/converse-stream").unwrap();
    assert_eq!(route.with_model("c/d"), "/base/model/c%2Fd/converse-stream");
    let body = Bytes::from_static(br#"{"messages":[]}"#);
    let change = Edit::new().with_model("c/d").with_usage_asked();
    let edited = edit(Dialect::Bedrock, &body, &change).unwrap();
    assert_eq!((edited.body.as_ptr(), edited.usage_asked), (body.as_ptr(), false));

    let route = Route::of(Dialect::OpenAi, "/v1/chat/completions").unwrap();
    assert_eq!(route.with_model("c/d"), "/v1/chat/completions");
    assert_eq!(edit(Dialect::OpenAi, &body, &change).unwrap().body, r#"{"messages":[],"model":"c/d"}"#);
}

#[test]
fn what_the_path_tells_completes_what_the_body_told() {
    let mut shape = Shape::default();
    Route::of(Dialect::Gemini, "/v1beta/models/m:streamGenerateContent").unwrap().complete(&mut shape);
    assert_eq!((shape.model.as_deref(), shape.stream), (Some("m"), true));
    shape.stream = true;
    Route::of(Dialect::Tgi, "/generate").unwrap().complete(&mut shape);
    assert_eq!((shape.model.as_deref(), shape.stream), (Some("m"), false));
    shape.stream = true;
    Route::of(Dialect::OpenAi, "/v1/chat/completions").unwrap().complete(&mut shape);
    assert!(shape.stream, "there the body decides");
}

proptest! {
    #[test]
    fn any_model_comes_back_from_any_path(model in "\\PC{1,20}", path in "\\PC{0,40}") {
        for dialect in Dialect::ALL {
            let _ = Route::of(dialect, &path);
            let way = dialect.chat_path("x", true).unwrap();
            let way = way.split('?').next().unwrap();
            let changed = Route::of(dialect, way).unwrap().with_model(&model);
            let route = Route::of(dialect, &changed).unwrap();
            prop_assert_eq!(route.model.is_none(), dialect.has_model_in_body());
            if let Some(found) = route.model {
                prop_assert_eq!(&*found, &*model);
            }
        }
    }
}
