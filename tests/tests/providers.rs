//! `docs/providers.md` says how each provider is asked: here each is asked.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{convert::Infallible, fmt::Write as _, sync::Arc, sync::Mutex};

use buttress_call::{Charging, Completion, OutputCharge};
use buttress_provider::{Provider, ProviderLayer};
use buttress_wire::Vendor;
use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::{BodyExt, Full};
use tower::{Layer, ServiceExt, service_fn};

const PAGE: &str = include_str!("../../docs/providers.md");
const BEGIN: &str = "<!-- table: begin -->\n";
const END: &str = "<!-- table: end -->";

/// Every constructor of a well-known provider.
fn presets() -> Vec<(&'static str, Provider)> {
    vec![
        ("openai()", Provider::openai()),
        ("azure(url, version)", Provider::azure("https://RESOURCE.openai.azure.com", "VERSION")),
        ("azure_v1(url)", Provider::azure_v1("https://RESOURCE.openai.azure.com")),
        ("anthropic()", Provider::anthropic()),
        ("gemini()", Provider::gemini()),
        ("vertex(project, location)", Provider::vertex("PROJECT", "LOCATION")),
        ("bedrock(region)", Provider::bedrock("REGION")),
        ("mistral()", Provider::mistral()),
        ("groq()", Provider::groq()),
        ("deepseek()", Provider::deepseek()),
        ("openrouter()", Provider::openrouter()),
        ("together()", Provider::together()),
        ("fireworks()", Provider::fireworks()),
        ("cohere()", Provider::cohere()),
        ("sambanova()", Provider::sambanova()),
        ("huggingface()", Provider::huggingface()),
        ("ollama()", Provider::ollama()),
        ("tgi(url)", Provider::tgi("http://HOST")),
        ("vllm(url)", Provider::vllm("http://HOST")),
        ("litellm(url)", Provider::litellm("http://HOST")),
    ]
}

struct Seen {
    request: request::Parts,
    body: String,
    charging: Charging,
}

/// Asks for a chat at `/`, streamed.
async fn ask(provider: Provider) -> Seen {
    let seen = Arc::new(Mutex::new(None));
    let client = service_fn(|request: Request<Full<Bytes>>| {
        let (parts, body) = request.into_parts();
        *seen.lock().unwrap() = Some((parts, body));
        async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}")))) }
    });
    let layer = ProviderLayer::new(provider.api_key("KEY").every_model("MODEL")).unwrap();
    let mut request = Request::post("/").body(Full::from(r#"{"model":"m","stream":true}"#)).unwrap();
    // What comes is not the answer to a stream.
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    let layer = layer.commit_streams(buttress_provider::Commit::Head);
    let response = layer.layer(client).oneshot(request).await.unwrap();
    let charging = response.extensions().get::<Completion>().unwrap().charging().unwrap();
    let (request, body) = seen.lock().unwrap().take().unwrap();
    let body = body.collect().await.unwrap().to_bytes();
    Seen { request, body: String::from_utf8(body.to_vec()).unwrap(), charging }
}

async fn row(constructor: &str, provider: Provider) -> String {
    let name = provider.provider_name();
    let Seen { request, body, charging } = ask(provider).await;
    let url = request.uri.to_string();
    let keys = ["authorization", "x-api-key", "api-key", "x-goog-api-key"];
    let key = keys.into_iter().find(|key| request.headers.contains_key(*key)).unwrap();
    let model = if url.contains("MODEL") { "URL" } else { "body" };
    assert_eq!(body.contains("MODEL"), model == "body", "{constructor}: {body}");
    let asks = if body.contains("include_usage") { "yes" } else { "no" };
    let charged = match charging.output {
        OutputCharge::AsStreamed => "as generated",
        OutputCharge::ReservedAndSettled => "reserved, settled",
        OutputCharge::ReservedAndKept => "reserved, kept",
        OutputCharge::Free => "not",
        other => panic!("{constructor}: {other:?} has no words here"),
    };
    let cached = if charging.cached_input_free { "no" } else { "yes" };
    format!("| `{constructor}` | `{name}` | `{url}` | `{key}` | {model} | {asks} | {charged} | {cached} |\n")
}

#[tokio::test]
async fn the_page_says_how_each_provider_is_asked() {
    let mut table = String::from(
        "| `Provider::` | known as | where `/` goes | key in | model in | usage asked for | output charged | cached input counts |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (constructor, provider) in presets() {
        table += &row(constructor, provider).await;
    }
    let (_, rest) = PAGE.split_once(BEGIN).unwrap();
    let (documented, _) = rest.split_once(END).unwrap();
    assert!(documented == table, "docs/providers.md should say\n\n{table}");
}

#[test]
fn every_vendor_that_has_a_name_is_on_the_page() {
    let mut missing = String::new();
    for vendor in Vendor::ALL.into_iter().filter(|vendor| *vendor != Vendor::Other) {
        if !presets().iter().any(|(_, provider)| &*provider.provider_name() == vendor.as_str()) {
            let _ = write!(missing, "{vendor} ");
        }
    }
    assert_eq!(missing, "");
}

#[test]
fn the_page_does_not_promise_more_facts_than_there_are() {
    let facts = include_str!("../../crates/wire/tests/facts/errors.txt");
    let rows = facts.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    let (before, _) = PAGE.split_once(" rows, each").unwrap();
    let promised: usize = before.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(rows > promised && promised >= 200, "{rows} rows, {promised} promised");
}
