//! Whose API it is.

use std::fmt;

use crate::{Dialect, Language};

/// Who serves an API, whatever dialect it speaks.
///
/// The dialect says how things are written, the vendor what they mean: a 498 is a lack of capacity at Groq and a wrong
/// token at Cohere, a 403 a prompt too long at Together, and `x-ratelimit-limit-requests` counts minutes at OpenAI and
/// days at Groq. What is not known of a vendor is read as for [`Vendor::Other`], which understands whatever has one
/// meaning only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Vendor {
    /// OpenAI's own API.
    OpenAi,
    /// OpenAI's models at Azure.
    Azure,
    /// Anthropic's own API.
    Anthropic,
    /// The Gemini API of Google AI Studio.
    Gemini,
    /// Gemini on Google Cloud.
    Vertex,
    /// Amazon Bedrock.
    Bedrock,
    /// Mistral's own API.
    Mistral,
    /// Groq.
    Groq,
    /// DeepSeek's own API.
    DeepSeek,
    /// OpenRouter.
    OpenRouter,
    /// Together AI.
    Together,
    /// Fireworks AI.
    Fireworks,
    /// Cohere's own API.
    Cohere,
    /// SambaNova Cloud.
    SambaNova,
    /// The router of Hugging Face's inference providers.
    HuggingFace,
    /// A server of Hugging Face's Text Generation Inference.
    Tgi,
    /// An Ollama server.
    Ollama,
    /// A vLLM server.
    Vllm,
    /// A LiteLLM proxy.
    LiteLlm,
    /// Anybody else.
    #[default]
    Other,
    /// Anybody else, whose language says what its statuses mean.
    Custom(&'static dyn Language),
}

impl Vendor {
    /// Every vendor that has a name, and [`Other`](Vendor::Other) last.
    pub const ALL: [Vendor; 20] = [
        Vendor::OpenAi,
        Vendor::Azure,
        Vendor::Anthropic,
        Vendor::Gemini,
        Vendor::Vertex,
        Vendor::Bedrock,
        Vendor::Mistral,
        Vendor::Groq,
        Vendor::DeepSeek,
        Vendor::OpenRouter,
        Vendor::Together,
        Vendor::Fireworks,
        Vendor::Cohere,
        Vendor::SambaNova,
        Vendor::HuggingFace,
        Vendor::Tgi,
        Vendor::Ollama,
        Vendor::Vllm,
        Vendor::LiteLlm,
        Vendor::Other,
    ];

    /// The vendor's name in spans and metrics: the value of OpenTelemetry's `gen_ai.provider.name` where there is one.
    pub fn as_str(self) -> &'static str {
        match self {
            Vendor::OpenAi => "openai",
            Vendor::Azure => "azure.ai.openai",
            Vendor::Anthropic => "anthropic",
            Vendor::Gemini => "gcp.gemini",
            Vendor::Vertex => "gcp.vertex_ai",
            Vendor::Bedrock => "aws.bedrock",
            Vendor::Mistral => "mistral_ai",
            Vendor::Groq => "groq",
            Vendor::DeepSeek => "deepseek",
            Vendor::OpenRouter => "openrouter",
            Vendor::Together => "together",
            Vendor::Fireworks => "fireworks",
            Vendor::Cohere => "cohere",
            Vendor::SambaNova => "sambanova",
            Vendor::HuggingFace => "huggingface",
            Vendor::Tgi => "tgi",
            Vendor::Ollama => "ollama",
            Vendor::Vllm => "vllm",
            Vendor::LiteLlm => "litellm",
            Vendor::Other => "other",
            Vendor::Custom(language) => language.name(),
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who is taken to speak a dialect when nobody says more.
///
/// OpenAI's is everybody's: anybody may speak it, and what they add to it is mostly told apart without a name.
impl From<Dialect> for Vendor {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAi | Dialect::Responses => Vendor::Other,
            Dialect::Anthropic => Vendor::Anthropic,
            Dialect::Gemini => Vendor::Gemini,
            Dialect::Bedrock | Dialect::BedrockInvoke => Vendor::Bedrock,
            Dialect::Cohere => Vendor::Cohere,
            Dialect::Ollama => Vendor::Ollama,
            Dialect::Tgi => Vendor::Tgi,
            Dialect::Custom(language) => Vendor::Custom(language),
        }
    }
}
