//! The languages that LLM APIs speak.

use crate::{Form, Language};

/// The language that an API speaks, whoever serves it.
///
/// A dialect is a wire format, not a company: Azure, Groq, DeepSeek, OpenRouter, Together, Fireworks, vLLM and many
/// more speak `OpenAi`. What they add to it (comments, `x_groq`, numeric codes) is understood without being told who
/// is speaking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// OpenAI chat completions (and legacy completions, embeddings), and what speaks them.
    OpenAi,
    /// OpenAI Responses.
    Responses,
    /// Anthropic Messages.
    Anthropic,
    /// Google's `generateContent`, of Gemini and Vertex: streamed as server-sent events or as one JSON array.
    Gemini,
    /// Amazon Bedrock's Converse.
    Bedrock,
    /// Amazon Bedrock's `InvokeModel`: the model's native language, streamed inside Amazon's frames.
    BedrockInvoke,
    /// Cohere's chat, version 2.
    Cohere,
    /// Ollama's own `chat` and `generate`. (Its `/v1` speaks `OpenAi`.)
    Ollama,
    /// Text Generation Inference's own `generate`. (Its `/v1` speaks `OpenAi`.)
    Tgi,
    /// A language of the user's own.
    Custom(&'static dyn Language),
}

impl Dialect {
    /// Every dialect that is built in.
    pub const ALL: [Dialect; 9] = [
        Dialect::OpenAi,
        Dialect::Responses,
        Dialect::Anthropic,
        Dialect::Gemini,
        Dialect::Bedrock,
        Dialect::BedrockInvoke,
        Dialect::Cohere,
        Dialect::Ollama,
        Dialect::Tgi,
    ];

    /// Its name, in small letters: `openai`, `responses`, `anthropic` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::OpenAi => "openai",
            Dialect::Responses => "responses",
            Dialect::Anthropic => "anthropic",
            Dialect::Gemini => "gemini",
            Dialect::Bedrock => "bedrock",
            Dialect::BedrockInvoke => "bedrock_invoke",
            Dialect::Cohere => "cohere",
            Dialect::Ollama => "ollama",
            Dialect::Tgi => "tgi",
            Dialect::Custom(language) => language.name(),
        }
    }

    /// How its streams are cut into frames.
    pub fn form(self) -> Form {
        match self {
            Dialect::OpenAi | Dialect::Responses | Dialect::Anthropic | Dialect::Cohere | Dialect::Tgi => {
                Form::ServerSentEvents
            }
            Dialect::Gemini => Form::EventsOrArray,
            Dialect::Bedrock | Dialect::BedrockInvoke => Form::AmazonEventStream,
            Dialect::Ollama => Form::Lines,
            Dialect::Custom(language) => language.form(),
        }
    }
}
