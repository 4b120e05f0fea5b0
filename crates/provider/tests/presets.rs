//! Each well-known provider: a request in, the exact request out.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod kit;

use std::{collections::BTreeSet, fmt::Write as _};

use buttress_call::{Call, Kind, Origin};
use buttress_provider::{Provider, ProviderLayer};
use buttress_wire::Vendor;
use bytes::Bytes;
use http::{HeaderValue, Request, header::AUTHORIZATION, request::Parts};
use http_body_util::Full;
use kit::*;

/// What a caller sends, and what must go out.
struct Case {
    provider: Provider,
    path: &'static str,
    body: &'static str,
    url: &'static str,
    credentials: (&'static str, &'static str),
    sent: &'static str,
}

const ASKED: &str = r#"{"model":"m","messages":[],"stream":true}"#;
const WHOLE: &str = r#"{"model":"m","messages":[]}"#;
/// With the usage asked for.
const USAGE_ASKED: &str =
    r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
const RENAMED: &str = r#"{"model":"their-m","messages":[]}"#;
const RENAMED_AND_USAGE_ASKED: &str =
    r#"{"model":"their-m","messages":[],"stream":true,"stream_options":{"include_usage":true}}"#;
const BEARER: (&str, &str) = ("authorization", "Bearer k");

fn case(provider: Provider, path: &'static str, body: &'static str, url: &'static str) -> Case {
    Case { provider: provider.api_key("k"), path, body, url, credentials: BEARER, sent: body }
}

impl Case {
    fn key_in(self, header: &'static str) -> Self {
        Case { credentials: (header, "k"), ..self }
    }

    fn sends(self, sent: &'static str) -> Self {
        Case { sent, ..self }
    }
}

/// Calls the model `m` by another name.
fn renaming(provider: Provider) -> Provider {
    provider.model("m", "their-m")
}

/// The providers that have OpenAI's paths and bodies: name, where they have them, and whether usage is asked for.
fn openai_like() -> [(Provider, &'static str, bool); 13] {
    [
        (Provider::openai(), "https://api.openai.com/v1/chat/completions", true),
        (Provider::mistral(), "https://api.mistral.ai/v1/chat/completions", false),
        (Provider::groq(), "https://api.groq.com/openai/v1/chat/completions", false),
        (Provider::deepseek(), "https://api.deepseek.com/v1/chat/completions", true),
        (Provider::openrouter(), "https://openrouter.ai/api/v1/chat/completions", true),
        (Provider::together(), "https://api.together.xyz/v1/chat/completions", true),
        (Provider::fireworks(), "https://api.fireworks.ai/inference/v1/chat/completions", true),
        (Provider::sambanova(), "https://api.sambanova.ai/v1/chat/completions", true),
        (Provider::huggingface(), "https://router.huggingface.co/v1/chat/completions", true),
        (Provider::vllm("http://gpu:8000"), "http://gpu:8000/v1/chat/completions", true),
        (Provider::vllm("http://gpu:8000/v1/"), "http://gpu:8000/v1/chat/completions", true),
        (Provider::litellm("http://proxy:4000"), "http://proxy:4000/v1/chat/completions", true),
        (Provider::compatible("own", "https://h/base"), "https://h/base/v1/chat/completions", true),
    ]
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (provider, url, asks) in openai_like() {
        for path in ["/", "/v1/chat/completions"] {
            let usage = if asks { USAGE_ASKED } else { ASKED };
            cases.push(case(provider.clone(), path, ASKED, url).sends(usage));
            cases.push(case(provider.clone(), path, WHOLE, url));
            cases.push(case(renaming(provider.clone()), path, WHOLE, url).sends(RENAMED));
        }
    }
    let openai = Provider::openai;
    cases.extend([
        case(openai(), "/v1/responses", ASKED, "https://api.openai.com/v1/responses"),
        case(renaming(openai()), "/v1/responses", WHOLE, "https://api.openai.com/v1/responses")
            .sends(RENAMED),
        case(renaming(openai()), "/v1/embeddings", WHOLE, "https://api.openai.com/v1/embeddings")
            .sends(RENAMED),
        case(openai(), "/v1/models", "", "https://api.openai.com/v1/models"),
        case(
            renaming(Provider::openrouter()),
            "/v1/messages",
            WHOLE,
            "https://openrouter.ai/api/v1/messages",
        )
        .sends(RENAMED),
    ]);
    cases.extend(azure());
    cases.extend(models_in_urls());
    cases.extend(own_dialects());
    cases
}

fn azure() -> Vec<Case> {
    let azure = || Provider::azure("https://r.openai.azure.com", "2024-10-21");
    let v1 = || Provider::azure_v1("https://r.openai.azure.com/");
    let by_deployment = [
        case(
            renaming(azure()),
            "/v1/chat/completions",
            ASKED,
            "https://r.openai.azure.com/openai/deployments/their-m/chat/completions?api-version=2024-10-21",
        )
        .sends(USAGE_ASKED),
        case(
            azure(),
            "/",
            WHOLE,
            "https://r.openai.azure.com/openai/deployments/m/chat/completions?api-version=2024-10-21",
        ),
        case(
            azure(),
            "/v1/embeddings?user=1",
            WHOLE,
            "https://r.openai.azure.com/openai/deployments/m/embeddings?user=1&api-version=2024-10-21",
        ),
        case(
            azure(),
            "/chat/completions?api-version=2025-01-01-preview",
            r#"{"model":"a/b c"}"#,
            "https://r.openai.azure.com/openai/deployments/a%2Fb%20c/chat/completions?api-version=2025-01-01-preview",
        ),
        case(
            renaming(azure()),
            "/openai/deployments/m/chat/completions",
            "{}",
            "https://r.openai.azure.com/openai/deployments/their-m/chat/completions?api-version=2024-10-21",
        ),
        case(azure(), "/v1/models", "", "https://r.openai.azure.com/openai/models?api-version=2024-10-21"),
        case(
            azure(),
            "/openai/v1/responses",
            WHOLE,
            "https://r.openai.azure.com/openai/responses?api-version=2024-10-21",
        ),
    ];
    let plain = [
        case(
            renaming(v1()),
            "/v1/chat/completions",
            ASKED,
            "https://r.openai.azure.com/openai/v1/chat/completions",
        )
        .sends(RENAMED_AND_USAGE_ASKED),
        case(v1(), "/v1/responses", WHOLE, "https://r.openai.azure.com/openai/v1/responses"),
    ];
    by_deployment.into_iter().chain(plain).map(|case| case.key_in("api-key")).collect()
}

fn models_in_urls() -> Vec<Case> {
    const CONTENTS: &str = r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#;
    const GOOGLE: &str = "https://generativelanguage.googleapis.com";
    let gemini = [
        case(
            Provider::gemini(),
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            CONTENTS,
            "https://generativelanguage.googleapis.com/v1beta/models/m:streamGenerateContent?alt=sse",
        ),
        case(
            renaming(Provider::gemini()),
            "/v1beta/models/m:generateContent",
            CONTENTS,
            "https://generativelanguage.googleapis.com/v1beta/models/their-m:generateContent",
        ),
        case(
            Provider::gemini().every_model("only"),
            "/",
            CONTENTS,
            "https://generativelanguage.googleapis.com/v1beta/models/only:generateContent",
        ),
        case(
            Provider::gemini().base_url(GOOGLE.to_owned() + "/"),
            "/v1beta/openai/chat/completions",
            WHOLE,
            "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        ),
    ];
    let vertex = || Provider::vertex("p", "europe-west4");
    let bedrock = || Provider::bedrock("us-east-1");
    let others = [
        case(
            renaming(vertex()),
            "/v1beta/models/m:streamGenerateContent?alt=sse",
            CONTENTS,
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p/locations/europe-west4/publishers/google/models/their-m:streamGenerateContent?alt=sse",
        ),
        case(
            vertex(),
            "/v1/projects/other/locations/l/publishers/google/models/m:generateContent",
            CONTENTS,
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/other/locations/l/publishers/google/models/m:generateContent",
        ),
        case(
            Provider::vertex("p", "global"),
            "/v1/models/m:generateContent",
            CONTENTS,
            "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent",
        ),
        case(
            bedrock(),
            "/model/anthropic.claude-v2%3A1/converse-stream",
            "{}",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2%3A1/converse-stream",
        ),
        case(
            bedrock().model("m", "arn:aws:bedrock:us-east-1:1:p/x"),
            "/model/m/converse",
            "{}",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn:aws:bedrock:us-east-1:1:p%2Fx/converse",
        ),
        case(
            renaming(bedrock()),
            "/model/m/invoke-with-response-stream",
            "{}",
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/their-m/invoke-with-response-stream",
        ),
    ];
    gemini.into_iter().map(|case| case.key_in("x-goog-api-key")).chain(others).collect()
}

fn own_dialects() -> Vec<Case> {
    const INPUTS: &str = r#"{"inputs":"Hi"}"#;
    let tgi = || Provider::tgi("http://gpu:3000");
    vec![
        case(renaming(Provider::anthropic()), "/", WHOLE, "https://api.anthropic.com/v1/messages")
            .sends(RENAMED)
            .key_in("x-api-key"),
        case(Provider::anthropic(), "/v1/messages", ASKED, "https://api.anthropic.com/v1/messages")
            .key_in("x-api-key"),
        case(renaming(Provider::cohere()), "/", WHOLE, "https://api.cohere.com/v2/chat").sends(RENAMED),
        case(Provider::cohere(), "/v2/chat", ASKED, "https://api.cohere.com/v2/chat"),
        case(Provider::cohere(), "/v2/embed", WHOLE, "https://api.cohere.com/v2/embed"),
        case(renaming(Provider::ollama()), "/", WHOLE, "http://127.0.0.1:11434/api/chat").sends(RENAMED),
        case(Provider::ollama(), "/api/generate", ASKED, "http://127.0.0.1:11434/api/generate"),
        case(Provider::ollama(), "/v1/chat/completions", ASKED, "http://127.0.0.1:11434/v1/chat/completions")
            .sends(USAGE_ASKED),
        case(tgi(), "/", INPUTS, "http://gpu:3000/generate"),
        case(tgi(), "/generate_stream", INPUTS, "http://gpu:3000/generate_stream"),
        case(tgi(), "/v1/chat/completions", ASKED, "http://gpu:3000/v1/chat/completions").sends(USAGE_ASKED),
    ]
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    let mut request = post(body);
    *request.uri_mut() = path.parse().unwrap();
    request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer of-the-caller"));
    request.headers_mut().insert("cookie", HeaderValue::from_static("session=1"));
    request
}

#[tokio::test(start_paused = true)]
async fn every_provider_is_asked_as_it_wants_to_be() {
    for case in cases() {
        let what = format!("{:?} {} {}", case.provider, case.path, case.body);
        let client = Client::new(Answer::of("text/plain", [data("ok")]));
        let layer = ProviderLayer::new(case.provider).unwrap();
        client.call(layer, request(case.path, case.body)).await.unwrap();
        let (parts, body) = client.sent().await;
        assert_eq!(parts.uri.to_string(), case.url, "{what}");
        assert_eq!(body, case.sent, "{what}");
        let mut credentials = String::new();
        for name in ["authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie"] {
            if let Some(value) = parts.headers.get(name) {
                assert!(value.is_sensitive(), "{what}");
                write!(credentials, "{name}: {}", value.to_str().unwrap()).unwrap();
            }
        }
        let (name, value) = case.credentials;
        assert_eq!(credentials, format!("{name}: {value}"), "{what}");
        let version = parts.headers.contains_key("anthropic-version");
        assert_eq!(version, case.url.contains("anthropic.com"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_path_tells_layers_inside_what_the_body_does_not() {
    let client = Client::new(Answer::of("text/plain", [data("ok")]));
    let layer = ProviderLayer::new(renaming(Provider::bedrock("us-east-1")).api_key("k")).unwrap();
    client.call(layer, request("/model/m/converse-stream", "{}")).await.unwrap();
    let (parts, _) = client.sent().await;
    let shape = Call::get(&parts.extensions).unwrap().shape().unwrap();
    assert_eq!((shape.model.as_deref(), shape.stream), (Some("m"), true), "the caller's own word for it");
}

#[tokio::test(start_paused = true)]
async fn what_names_no_model_where_the_url_must_is_refused_unsent() {
    let azure = Provider::azure("https://r.openai.azure.com", "2024-10-21");
    for (provider, path, body, says) in [
        (Provider::gemini(), "/", r#"{"contents":[]}"#, "must name a model"),
        (Provider::bedrock("us-east-1"), "/", "{}", "must name a model"),
        (azure.clone(), "/v1/chat/completions", "{}", "deployment"),
        (azure.clone(), "/v1/chat/completions", "no json", "deployment"),
        (azure.clone(), "/v1/chat/completions", r#"{"model":""}"#, "deployment"),
        (azure, "/v1/chat/completions", r#"{"model":".."}"#, "path of its own"),
    ] {
        let client = Client::new(Answer::json(&[JSON]));
        let layer = ProviderLayer::new(provider.api_key("k")).unwrap();
        let error = failed(client.call(layer, request(path, body)).await);
        assert_eq!((error.kind(), error.origin()), (Kind::Invalid, Origin::Layer("provider")));
        assert!(error.to_string().contains(says) && error.to_string().contains(path), "{error}");
        assert!(client.requests.lock().unwrap().is_empty(), "nothing was sent");
    }
}

#[tokio::test(start_paused = true)]
async fn a_signature_covers_what_goes_out_and_takes_the_place_of_the_callers_credentials() {
    let bedrock = renaming(Provider::bedrock("us-east-1")).header("x-amz-tag", "t").sign(
        |request: &mut Parts, body: &Bytes| {
            let signed = format!(
                "AWS4 {} {} {} {}",
                request.method,
                request.uri,
                request.headers["x-amz-tag"].to_str()?,
                std::str::from_utf8(body)?
            );
            request.headers.insert(AUTHORIZATION, signed.parse()?);
            Ok(())
        },
    );
    let layer = ProviderLayer::new(bedrock).unwrap();
    let client = Client::new(Answer::of("text/plain", [data("ok")]));
    client.call(layer.clone(), request("/model/m/converse", "{}")).await.unwrap();
    let (parts, _) = client.sent().await;
    let signed = "AWS4 POST https://bedrock-runtime.us-east-1.amazonaws.com/model/their-m/converse t {}";
    assert_eq!(parts.headers["authorization"], signed);
    assert!(parts.headers["authorization"].is_sensitive());
    assert!(!parts.headers.contains_key("cookie"));
    assert!(format!("{:?} {layer:?}", parts.headers).find("AWS4").is_none());
}

#[tokio::test(start_paused = true)]
async fn each_attempt_is_signed_anew() {
    let count = std::sync::atomic::AtomicU32::new(0);
    let provider = Provider::vertex("p", "l").sign(move |request: &mut Parts, _: &Bytes| {
        let token = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        request.headers.insert(AUTHORIZATION, format!("Bearer {token}").parse()?);
        Ok(())
    });
    let layer = ProviderLayer::new(provider).unwrap();
    let client = Client::new(Answer::of("text/plain", [data("ok")]));
    for token in ["Bearer 0", "Bearer 1"] {
        client.call(layer.clone(), request("/v1/models/m:generateContent", "{}")).await.unwrap();
        assert_eq!(client.sent().await.0.headers["authorization"], token);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_signed_is_not_sent() {
    let provider =
        Provider::bedrock("us-east-1").sign(|_: &mut Parts, _: &Bytes| Err("no credentials".into()));
    let client = Client::new(Answer::json(&[JSON]));
    let layer = ProviderLayer::new(provider).unwrap();
    let error = failed(client.call(layer, request("/model/m/converse", "{}")).await);
    assert_eq!((error.kind(), error.origin()), (Kind::Auth, Origin::Layer("provider")));
    assert!(printed(&error).contains("no credentials"));
    assert_eq!(error.provider(), Some("aws.bedrock"));
    assert!(client.requests.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_token_goes_into_the_authorization_whatever_the_key_would() {
    for (provider, name) in [
        (Provider::azure_v1("https://r.openai.azure.com").bearer("token"), "azure.ai.openai"),
        (Provider::anthropic().bearer("token"), "anthropic"),
    ] {
        assert_eq!(&*provider.provider_name(), name);
        let layer = ProviderLayer::new(provider).unwrap();
        assert!(!format!("{layer:?}").contains("token"), "{layer:?}");
        let client = Client::new(Answer::of("text/plain", [data("ok")]));
        client.call(layer, request("/", WHOLE)).await.unwrap();
        let (parts, _) = client.sent().await;
        assert_eq!(parts.headers["authorization"], "Bearer token");
        assert!(!parts.headers.contains_key("x-api-key") && !parts.headers.contains_key("api-key"));
    }
}

#[test]
fn values_that_make_no_url_are_refused() {
    for (provider, says) in [
        (Provider::azure("https://r.openai.azure.com", ""), "api-version"),
        (Provider::azure("https://r.openai.azure.com", "a&b=c"), "api-version"),
        (Provider::azure("r.openai.azure.com", "2024-10-21"), "base URL"),
        (Provider::vertex("a b", "l"), "project and location"),
        (Provider::vertex("", "l"), "project and location"),
        (Provider::vertex("p?", "l"), "project and location"),
        (Provider::bedrock("us east"), "base URL"),
    ] {
        let error = ProviderLayer::new(provider).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn every_vendor_has_a_constructor() {
    let named: BTreeSet<_> = cases().iter().map(|case| case.provider.provider_name().to_string()).collect();
    for vendor in Vendor::ALL.into_iter().filter(|vendor| *vendor != Vendor::Other) {
        assert!(named.contains(vendor.as_str()), "{vendor}");
    }
}
