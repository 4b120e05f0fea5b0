//! What is spoken: four wires, two of them in two forms.

use buttress_call::Kind;
use buttress_provider::Provider;
use buttress_sim::Wire;
use bytes::Bytes;
use http::header;
use http_body_util::Full;
use serde_json::{Value, json};

use crate::probe::Request;

/// 15 bytes: 4 tokens to a simulated provider.
const PROMPT: &str = "How did it end?";

/// A wire, or one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Chat completions.
    OpenAi,
    /// Messages.
    Anthropic,
    /// Its stream is server-sent events.
    Gemini,
    /// Its stream is one JSON array.
    GeminiArray,
    /// Its answer is a message.
    Ollama,
    /// Its answer is a text, not a message.
    OllamaGenerate,
}

/// All of them.
pub const WAYS: [Way; 6] =
    [Way::OpenAi, Way::Anthropic, Way::Gemini, Way::GeminiArray, Way::Ollama, Way::OllamaGenerate];

impl Way {
    /// The wire that it is a form of.
    pub fn wire(self) -> Wire {
        match self {
            Way::OpenAi => Wire::OpenAi,
            Way::Anthropic => Wire::Anthropic,
            Way::Gemini | Way::GeminiArray => Wire::Gemini,
            Way::Ollama | Way::OllamaGenerate => Wire::Ollama,
        }
    }

    /// The provider layer's name for it.
    pub fn provider(self) -> Provider {
        match self.wire() {
            Wire::Anthropic => Provider::anthropic(),
            Wire::Gemini => Provider::gemini(),
            Wire::Ollama => Provider::ollama(),
            _ => Provider::openai(),
        }
    }

    /// Where a call goes.
    pub fn path(self, stream: bool) -> String {
        match self {
            Way::GeminiArray => self.wire().path("m", stream).replace("?alt=sse", ""),
            Way::OllamaGenerate => "/api/generate".to_owned(),
            _ => self.wire().path("m", stream),
        }
    }

    /// A call.
    pub fn request(self, stream: bool) -> Request {
        let request = http::Request::post(self.path(stream)).header(header::CONTENT_TYPE, "application/json");
        request.body(Full::new(Bytes::from(self.body(stream).to_string()))).expect("its parts are constants")
    }

    fn body(self, stream: bool) -> Value {
        let messages = json!([{"role": "user", "content": PROMPT}]);
        match self {
            Way::Gemini | Way::GeminiArray => json!({"contents": [{"parts": [{"text": PROMPT}]}]}),
            Way::Ollama => json!({"model": "m", "stream": stream, "messages": messages}),
            Way::OllamaGenerate => json!({"model": "m", "stream": stream, "prompt": PROMPT}),
            _ => json!({"model": "m", "max_tokens": 100, "stream": stream, "messages": messages}),
        }
    }

    /// Whether a stream has all that its caller waits for.
    pub fn is_whole(self, stream: &str) -> bool {
        match self {
            Way::OpenAi => stream.ends_with("[DONE]\n\n"),
            Way::Anthropic => stream.ends_with("message_stop\"}\n\n"),
            Way::Gemini => stream.ends_with("\r\n\r\n") && stream.contains("\"finishReason\": \"STOP\""),
            Way::GeminiArray => stream.ends_with("\n]\n"),
            Way::Ollama | Way::OllamaGenerate => {
                stream.ends_with('\n') && stream.contains(",\"done\":true,\"done_reason\":\"stop\"")
            }
        }
    }

    /// The kind of the error that a broken stream carries.
    pub fn trouble(self) -> Kind {
        match self.wire() {
            Wire::Anthropic | Wire::Gemini => Kind::Overloaded,
            _ => Kind::Server,
        }
    }

    /// Whether errors have a code.
    pub fn has_codes(self) -> bool {
        self.wire() != Wire::Ollama
    }
}
