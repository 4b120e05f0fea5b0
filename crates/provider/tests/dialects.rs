//! Each dialect's streams through the layer: the transcripts of `buttress-wire`, and what becomes of the call.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

/// Writes Amazon's frames, as the transcripts tell them.
#[path = "../../wire/tests/wire/amazon.rs"]
#[allow(dead_code, reason = "the rest of it is for its own crate")]
mod amazon;
mod kit;

use std::path::Path;

use buttress_call::{Kind, Outcome, OutputCharge, Refused};
use buttress_provider::{Commit, Provider, ProviderLayer};
use buttress_wire::{Dialect, Event, EventReader, Form, Frame, Language, Vendor};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use kit::*;

const EVENTS: &str = "text/event-stream";
const LINES: &str = "application/x-ndjson";
const FRAMES: &str = "application/vnd.amazon.eventstream";
const ARRAY: &str = "application/json; charset=UTF-8";

/// A provider, where it is asked for a stream, and how it sends one.
struct Speaker {
    provider: Provider,
    path: &'static str,
    content_type: &'static str,
}

const GEMINI: &str = "/v1beta/models/m:streamGenerateContent";

fn speaker(provider: Provider, path: &'static str, content_type: &'static str) -> Speaker {
    Speaker { provider: provider.api_key("k"), path, content_type }
}

fn openai() -> Speaker {
    speaker(Provider::openai(), "/", EVENTS)
}

/// Those who speak OpenAI's chat, each with what it adds.
fn azure() -> Speaker {
    speaker(Provider::azure("https://r.openai.azure.com", "2024-10-21"), "/", EVENTS)
}

fn mistral() -> Speaker {
    speaker(Provider::mistral(), "/", EVENTS)
}

fn groq() -> Speaker {
    speaker(Provider::groq(), "/", EVENTS)
}

fn deepseek() -> Speaker {
    speaker(Provider::deepseek(), "/", EVENTS)
}

fn openrouter() -> Speaker {
    speaker(Provider::openrouter(), "/", EVENTS)
}

fn together() -> Speaker {
    speaker(Provider::together(), "/", EVENTS)
}

fn vllm() -> Speaker {
    speaker(Provider::vllm("http://gpu:8000"), "/", EVENTS)
}

fn responses() -> Speaker {
    speaker(Provider::openai(), "/v1/responses", EVENTS)
}

fn anthropic() -> Speaker {
    speaker(Provider::anthropic(), "/", EVENTS)
}

fn gemini() -> Speaker {
    speaker(Provider::gemini(), GEMINI, EVENTS)
}

fn gemini_array() -> Speaker {
    speaker(Provider::vertex("p", "l"), GEMINI, ARRAY)
}

fn bedrock() -> Speaker {
    speaker(Provider::bedrock("us-east-1"), "/model/m/converse-stream", FRAMES)
}

fn invoke() -> Speaker {
    speaker(Provider::bedrock("us-east-1"), "/model/m/invoke-with-response-stream", FRAMES)
}

fn cohere() -> Speaker {
    speaker(Provider::cohere(), "/", EVENTS)
}

fn ollama() -> Speaker {
    speaker(Provider::ollama(), "/", LINES)
}

fn tgi() -> Speaker {
    speaker(Provider::tgi("http://gpu:3000"), "/generate_stream", EVENTS)
}

fn transcript(name: &str) -> Bytes {
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/tests/transcripts");
    let file = wire.join(name);
    let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    if name.ends_with(".frames") { amazon::stream(&bytes).into() } else { bytes.into() }
}

impl Speaker {
    fn layer(self, commit: Commit) -> ProviderLayer {
        ProviderLayer::new(self.provider).unwrap().commit_streams(commit)
    }

    fn ask(&self) -> Request<Full<Bytes>> {
        // A wish for usage of the caller's own, so that nothing is hidden and all bytes come through.
        let mut request = ask(true, true);
        *request.uri_mut() = self.path.parse().unwrap();
        request
    }

    /// What the layer makes of this answer, in these pieces.
    async fn answered(
        self,
        pieces: Vec<Bytes>,
        commit: Commit,
    ) -> Result<http::Response<buttress_provider::ProviderBody<ScriptedBody>>, buttress_call::BoxError> {
        let client = Client::new(Answer::of(self.content_type, pieces.into_iter().map(Step::Data)));
        let request = self.ask();
        client.call(self.layer(commit), request).await
    }
}

/// In pieces that no event fits into.
fn chopped(bytes: &Bytes) -> Vec<Bytes> {
    bytes.chunks(7).map(Bytes::copy_from_slice).collect()
}

type Make = fn() -> Speaker;
/// Input and output.
type Used = Option<(u64, u64)>;

#[tokio::test(start_paused = true)]
async fn a_good_stream_resolves_at_its_first_content_and_ends_with_its_usage() {
    let all: [(Make, &str, Used); 18] = [
        (azure, "openai/azure.sse", Some((8, 5))),
        (mistral, "openai/mistral.sse", Some((9, 2))),
        (groq, "openai/groq_usage.sse", Some((40, 2))),
        (deepseek, "openai/deepseek.sse", Some((9, 12))),
        (openrouter, "openai/openrouter_text.sse", Some((7, 3))),
        (together, "openai/together.sse", Some((9, 2))),
        (openai, "openai/text.sse", Some((19, 10))),
        (openai, "openai/empty_answer.sse", None),
        (responses, "responses/text.sse", Some((36, 87))),
        (anthropic, "anthropic/text.sse", Some((25, 15))),
        (gemini, "gemini/text.sse", Some((8, 3))),
        (gemini, "gemini/array.json", Some((8, 3))),
        (gemini_array, "gemini/array.json", Some((8, 3))),
        (bedrock, "bedrock/text.frames", Some((10, 5))),
        (invoke, "bedrock_invoke/nova.frames", Some((10, 5))),
        (cohere, "cohere/text.sse", Some((9, 12))),
        (ollama, "ollama/chat.ndjson", Some((26, 282))),
        (tgi, "tgi/text.sse", Some((17, 3))),
    ];
    for (speaker, name, used) in all {
        let bytes = transcript(name);
        for pieces in [vec![bytes.clone()], chopped(&bytes)] {
            for commit in [Commit::STREAM, Commit::Head, Commit::End { max_bytes: 1 << 20 }] {
                let response = speaker().answered(pieces.clone(), commit).await;
                let response = response.unwrap_or_else(|error| panic!("{name}: {}", printed(&*error)));
                let taken = take(response).await;
                assert!(taken.error.is_none(), "{name}: {:?}", taken.error);
                assert_eq!(taken.text, bytes, "{name}: verbatim");
                let ended = taken.ended.unwrap();
                assert_eq!(ended.outcome, Outcome::Success, "{name}");
                assert_eq!(ended.usage.map(|usage| (usage.input, usage.output)), used, "{name}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_before_the_first_content_is_an_err_of_its_kind() {
    let all: [(Make, &str, Kind); 15] = [
        (openai, "openai/error_first.sse", Kind::Server),
        (openrouter, "openai/openrouter_error.sse", Kind::Overloaded),
        (responses, "responses/failed.sse", Kind::RateLimited),
        (responses, "responses/error_nested.sse", Kind::Overloaded),
        (anthropic, "anthropic/error_first.sse", Kind::Overloaded),
        (gemini, "gemini/bare_error_first.sse", Kind::Overloaded),
        (gemini, "gemini/interactions_error.sse", Kind::RateLimited),
        (bedrock, "bedrock/exception_first.frames", Kind::RateLimited),
        (bedrock, "bedrock/validation.frames", Kind::ContextTooLong),
        (bedrock, "bedrock/damaged_length.frames", Kind::Broken),
        (bedrock, "bedrock/damaged_payload.frames", Kind::Broken),
        (cohere, "cohere/timeout.sse", Kind::Timeout),
        (ollama, "ollama/busy.ndjson", Kind::Overloaded),
        (ollama, "ollama/error_first.ndjson", Kind::Server),
        (tgi, "tgi/overloaded_first.sse", Kind::Overloaded),
    ];
    for (speaker, name, kind) in all {
        let bytes = transcript(name);
        for pieces in [vec![bytes.clone()], chopped(&bytes)] {
            let error = failed(speaker().answered(pieces, Commit::STREAM).await);
            assert_eq!(error.kind(), kind, "{name}: {error}");
            assert_eq!(error.upstream().map(|answer| answer.status.as_u16()), Some(200), "{name}");
            assert!(error.provider().is_some(), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_after_its_first_content_ends_in_an_error_or_is_held_back() {
    let all: [(Make, &str); 18] = [
        (openai, "openai/cut.sse"),
        (vllm, "openai/vllm_error_then_done.sse"),
        (groq, "openai/groq_error.sse"),
        (mistral, "openai/mistral_finish_error.sse"),
        (openai, "openai/stop_then_bare_error.sse"),
        (responses, "responses/cut_between_events.sse"),
        (responses, "responses/failed_after_content.sse"),
        (anthropic, "anthropic/error_then_message_stop.sse"),
        (gemini, "gemini/cut_between_events.sse"),
        (gemini, "gemini/stop_then_bare_error.sse"),
        (gemini_array, "gemini/array_cut.json"),
        (gemini_array, "gemini/array_with_error.json"),
        (bedrock, "bedrock/cut_between_events.frames"),
        (bedrock, "bedrock/exception_after_content.frames"),
        (invoke, "bedrock_invoke/exception.frames"),
        (cohere, "cohere/error.sse"),
        (ollama, "ollama/cut_between_lines.ndjson"),
        (tgi, "tgi/incomplete.sse"),
    ];
    for (speaker, name) in all {
        let bytes = transcript(name);
        // Content and its end do not come at once.
        let response = speaker().answered(chopped(&bytes), Commit::STREAM).await;
        let taken = take(response.unwrap_or_else(|error| panic!("{name}: {}", printed(&*error)))).await;
        taken.broken();
        let held = speaker().answered(chopped(&bytes), Commit::End { max_bytes: 1 << 20 }).await;
        assert!(held.is_err(), "{name}: nothing was delivered yet");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_when_nothing_is_missing_has_succeeded() {
    let all: [(Make, &str); 7] = [
        (openai, "openai/text.sse"),
        (responses, "responses/text.sse"),
        (anthropic, "anthropic/text.sse"),
        // Gemini's stream has no end marker; its last chunk has a finish reason.
        (gemini, "gemini/text.sse"),
        (bedrock, "bedrock/text.frames"),
        (ollama, "ollama/chat.ndjson"),
        (tgi, "tgi/text.sse"),
    ];
    for (speaker, name) in all {
        let bytes = transcript(name);
        for (kept, outcome) in [(bytes.len(), Outcome::Success), (bytes.len() / 2, Outcome::Cancelled)] {
            let steps = [data(bytes.slice(..kept)), Step::Hang];
            let speaker = speaker();
            let client = Client::new(Answer::of(speaker.content_type, steps));
            let request = speaker.ask();
            let response = client.call(speaker.layer(Commit::Head), request).await.unwrap();
            let completion = completion(&response);
            let mut body = response.into_body();
            body.frame().await.unwrap().unwrap();
            drop(body);
            assert_eq!(completion.ended().map(|ended| ended.outcome), Some(outcome), "{name} {kept}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_of_every_dialect_tells_its_usage() {
    let all: [(Make, &str, &str, (u64, u64)); 8] = [
        (
            responses,
            "/v1/responses",
            r#"{"status":"completed","usage":{"input_tokens":7,"output_tokens":2}}"#,
            (7, 2),
        ),
        (anthropic, "/", r#"{"type":"message","usage":{"input_tokens":7,"output_tokens":2}}"#, (7, 2)),
        (
            gemini,
            "/v1beta/models/m:generateContent",
            r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":2,"totalTokenCount":9}}"#,
            (7, 2),
        ),
        (
            bedrock,
            "/model/m/converse",
            r#"{"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":2,"totalTokens":9}}"#,
            (7, 2),
        ),
        (
            invoke,
            "/model/m/invoke",
            r#"{"type":"message","usage":{"input_tokens":7,"output_tokens":2}}"#,
            (7, 2),
        ),
        (
            cohere,
            "/",
            r#"{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":7,"output_tokens":2}}}"#,
            (7, 2),
        ),
        (ollama, "/", r#"{"done":true,"prompt_eval_count":7,"eval_count":2}"#, (7, 2)),
        (tgi, "/generate", r#"{"generated_text":"Hi","details":{"generated_tokens":2}}"#, (0, 2)),
    ];
    for (speaker, path, answer, used) in all {
        let client = Client::new(Answer::json(&[answer]));
        let mut request = post(r#"{"stream":false}"#);
        *request.uri_mut() = path.parse().unwrap();
        let response = client.call(speaker().layer(Commit::STREAM), request).await;
        let response = response.unwrap_or_else(|error| panic!("{path}: {}", printed(&*error)));
        let usage = take(response).await.ended.unwrap().usage.unwrap();
        assert_eq!((usage.input, usage.output), used, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_inside_a_whole_200_is_an_err() {
    let all: [(Make, &str, &str, Kind); 4] = [
        (
            gemini,
            "/v1beta/models/m:generateContent",
            r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#,
            Kind::Overloaded,
        ),
        (ollama, "/", r#"{"error":"model failed"}"#, Kind::Server),
        (
            responses,
            "/v1/responses",
            r#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"m"}}"#,
            Kind::RateLimited,
        ),
        (cohere, "/", r#"{"error":"m"}"#, Kind::Server),
    ];
    for (speaker, path, answer, kind) in all {
        let client = Client::new(Answer::json(&[answer]));
        let mut request = post(r#"{"stream":false}"#);
        *request.uri_mut() = path.parse().unwrap();
        let error = failed(client.call(speaker().layer(Commit::STREAM), request).await);
        assert_eq!(error.kind(), kind, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_whose_it_is_what_ran_out_and_when_to_come_back() {
    let groq = Provider::groq().api_key("k");
    let body = r#"{"error":{"message":"Rate limit reached on tokens per minute (TPM). Please try again in 7.5s.","type":"tokens","code":"rate_limit_exceeded"}}"#;
    let answer = Answer::json(&[body])
        .status(429)
        .header("x-ratelimit-limit-requests", "14400")
        .header("x-ratelimit-remaining-requests", "14000");
    let error = failed(Client::new(answer).call(ProviderLayer::new(groq).unwrap(), ask(true, true)).await);
    assert_eq!((error.kind(), error.provider()), (Kind::RateLimited, Some("groq")));
    assert_eq!(error.retry_after(), Some(7 * SECOND + SECOND / 2));
    let limits = error.limits().unwrap();
    assert_eq!(limits.refused, Some(Refused::Tokens));
    assert_eq!(limits.requests.window, Some(24 * 3600 * SECOND), "Groq counts requests by the day");
    assert_eq!(error.charging().map(|charging| charging.output), Some(OutputCharge::ReservedAndSettled));
}

#[tokio::test(start_paused = true)]
async fn one_status_means_what_its_vendor_means() {
    for (provider, status, kind) in [
        (Provider::groq(), 498, Kind::Overloaded),
        (Provider::cohere(), 498, Kind::Auth),
        (Provider::together(), 403, Kind::ContextTooLong),
        (Provider::openai(), 403, Kind::Auth),
        (Provider::openai(), 408, Kind::Server),
        (Provider::fireworks(), 408, Kind::Timeout),
        (Provider::sambanova(), 504, Kind::Overloaded),
        (Provider::mistral(), 504, Kind::Timeout),
        (Provider::compatible("own", "http://h").vendor(Vendor::Cohere), 498, Kind::Auth),
    ] {
        let client = Client::new(Answer::json(&["{}"]).status(status));
        let what = format!("{provider:?} {status}");
        let error = failed(client.call(ProviderLayer::new(provider).unwrap(), ask(true, true)).await);
        assert_eq!(error.kind(), kind, "{what}");
    }
}

/// One word a line, `.` at the end.
#[derive(Debug)]
struct Words;

impl Language for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn form(&self) -> Form {
        Form::Lines
    }

    fn reader(&self) -> Box<dyn EventReader> {
        Box::new(Words)
    }

    fn status(&self, status: http::StatusCode) -> Option<Kind> {
        (status == 418).then_some(Kind::Overloaded)
    }
}

impl EventReader for Words {
    fn read(&mut self, frame: Frame<'_>) -> Event {
        let mut event = Event::default();
        event.end = frame.data == b".";
        event.content = !event.end;
        event
    }
}

#[tokio::test(start_paused = true)]
async fn a_language_of_the_users_own_is_read_at_every_path() {
    let layer = || {
        let own = Provider::compatible("own", "http://h/say").dialect(Dialect::Custom(&Words));
        ProviderLayer::new(own).unwrap()
    };
    for (path, url) in [("/", "http://h/say/"), ("/again", "http://h/say/again")] {
        let mut request = ask(true, false);
        *request.uri_mut() = path.parse().unwrap();
        let client = Client::new(Answer::of("text/words", [data("Hello\n"), data("you\n.\n"), Step::Hang]));
        let taken = take(client.call(layer(), request).await.unwrap()).await;
        assert_eq!(taken.success(), "Hello\nyou\n.\n");
        assert_eq!(client.sent().await.0.uri, url);
    }
    let cut = Client::new(Answer::of("text/words", [data("Hello\n"), Step::Yield, data("you\n")]));
    take(cut.call(layer(), ask(true, false)).await.unwrap()).await.broken();
    for (status, kind) in [(418, Some(Kind::Overloaded)), (500, None)] {
        let client = Client::new(Answer::of("text/plain", [data("no")]).status(status));
        let error = failed(client.call(layer(), ask(true, false)).await);
        // What it has no word for is told by the text: nothing in particular.
        assert_eq!((error.kind(), error.provider()), (kind.unwrap_or(Kind::Server), Some("own")));
    }
}
