//! Frames of one token each, as the providers send them.

use base64::{Engine, prelude::BASE64_STANDARD};
use buttress_wire::{Dialect, Form};
use rand::{Rng, RngExt};

use super::amazon;

/// Tokens of prose and code, with what JSON escapes and what ASCII lacks.
const TOKENS: [&str; 16] = [
    " the", " of", ",", " pro", "vider", ".", "\\n\\n", " \\\"", "fn", " error", "(", "));\\n", " naïve",
    "日本", " 42", "ing",
];

/// A dialect and what a token looks like in it.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    write: fn(&str, u32) -> Vec<u8>,
}

pub(super) const CASES: &[Case] = &[
    Case { name: "openai", dialect: Dialect::OpenAi, write: openai },
    Case { name: "anthropic", dialect: Dialect::Anthropic, write: anthropic },
    Case { name: "gemini", dialect: Dialect::Gemini, write: gemini },
    Case { name: "responses", dialect: Dialect::Responses, write: responses },
    Case { name: "ollama", dialect: Dialect::Ollama, write: ollama },
    Case { name: "bedrock", dialect: Dialect::Bedrock, write: bedrock },
    Case { name: "bedrock_invoke", dialect: Dialect::BedrockInvoke, write: bedrock_invoke },
    Case { name: "cohere", dialect: Dialect::Cohere, write: cohere },
    Case { name: "tgi", dialect: Dialect::Tgi, write: tgi },
];

impl Case {
    /// The frame of some token.
    pub(super) fn frame(&self, rng: &mut impl Rng) -> Vec<u8> {
        (self.write)(TOKENS[rng.random_range(0..TOKENS.len())], rng.random_range(100..10_000))
    }

    /// Whether its frames are server-sent events.
    pub(super) fn is_events(&self) -> bool {
        matches!(self.dialect.form(), Form::ServerSentEvents | Form::EventsOrArray)
    }
}

fn openai(token: &str, _: u32) -> Vec<u8> {
    let choice =
        format!(r#"{{"index":0,"delta":{{"content":"{token}"}},"logprobs":null,"finish_reason":null}}"#);
    format!(
        "data: {{\"id\":\"chatcmpl-CeWb3kS7Zp0l2vQn8XyTfHd1\",\"object\":\"chat.completion.chunk\",\
         \"created\":1763769600,\"model\":\"gpt-5-2026-08-07\",\"service_tier\":\"default\",\
         \"system_fingerprint\":\"fp_7aa8\",\"choices\":[{choice}],\"usage\":null}}\n\n"
    )
    .into_bytes()
}

fn anthropic(token: &str, _: u32) -> Vec<u8> {
    format!(
        "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
         \"delta\":{{\"type\":\"text_delta\",\"text\":\"{token}\"}}}}\n\n"
    )
    .into_bytes()
}

fn gemini(token: &str, number: u32) -> Vec<u8> {
    let candidate = format!(r#"{{"content":{{"parts":[{{"text":"{token}"}}],"role":"model"}},"index":0}}"#);
    let usage = format!(
        r#"{{"promptTokenCount":{number},"candidatesTokenCount":{number},"totalTokenCount":{},"promptTokensDetails":[{{"modality":"TEXT","tokenCount":{number}}}]}}"#,
        2 * number
    );
    format!(
        "data: {{\"candidates\":[{candidate}],\"usageMetadata\":{usage},\"modelVersion\":\"gemini-2.5-pro\",\
         \"responseId\":\"f3EjaYqLJ5\"}}\r\n\r\n"
    )
    .into_bytes()
}

fn responses(token: &str, number: u32) -> Vec<u8> {
    format!(
        "event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\
         \"sequence_number\":{number},\"item_id\":\"msg_68f1c2d3e4a5b6c7d8e9f0\",\"output_index\":0,\
         \"content_index\":0,\"delta\":\"{token}\",\"logprobs\":[],\"obfuscation\":\"a8Kd2fPq\"}}\n\n"
    )
    .into_bytes()
}

fn ollama(token: &str, number: u32) -> Vec<u8> {
    format!(
        "{{\"model\":\"llama3.2\",\"created_at\":\"2026-11-21T10:00:00.{number}Z\",\
         \"message\":{{\"role\":\"assistant\",\"content\":\"{token}\"}},\"done\":false}}\n"
    )
    .into_bytes()
}

fn bedrock(token: &str, number: u32) -> Vec<u8> {
    // The padding hides a token's length.
    let padding = &"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"[..(number % 40) as usize];
    let payload = format!(r#"{{"contentBlockIndex":0,"delta":{{"text":"{token}"}},"p":"{padding}"}}"#);
    amazon::event("contentBlockDelta", payload.as_bytes())
}

fn bedrock_invoke(token: &str, _: u32) -> Vec<u8> {
    let native = format!(
        r#"{{"type":"content_block_delta","index":0,"delta":{{"type":"text_delta","text":"{token}"}}}}"#
    );
    let payload = format!(r#"{{"bytes":"{}","p":"abcdefghijklmnop"}}"#, BASE64_STANDARD.encode(native));
    amazon::event("chunk", payload.as_bytes())
}

fn cohere(token: &str, _: u32) -> Vec<u8> {
    format!(
        "event: content-delta\ndata: {{\"type\":\"content-delta\",\"index\":0,\
         \"delta\":{{\"message\":{{\"content\":{{\"text\":\"{token}\"}}}}}}}}\n\n"
    )
    .into_bytes()
}

fn tgi(token: &str, number: u32) -> Vec<u8> {
    format!(
        "data:{{\"index\":{number},\"token\":{{\"id\":{number},\"text\":\"{token}\",\"logprob\":-0.5214844,\
         \"special\":false}},\"generated_text\":null,\"details\":null}}\n\n"
    )
    .into_bytes()
}
