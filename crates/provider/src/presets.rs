//! The well-known providers.

use buttress_wire::{Dialect, Vendor};

use crate::{Provider, address::Layout, provider::Auth};

/// The well-known providers. Each is a start: every setter below works on it.
impl Provider {
    /// OpenAI's own API: chat completions at `/`, Responses and embeddings at their paths.
    pub fn openai() -> Self {
        Self::of(Vendor::OpenAi, "openai", "https://api.openai.com")
    }

    /// OpenAI's models at Azure, by deployment: `https://{resource}.openai.azure.com` and an API version such as
    /// `2024-10-21`.
    ///
    /// Callers write OpenAI's paths; the model that the body names is the deployment, under the name that
    /// [`model`](Self::model) gives it or its own. The key goes into `api-key`; for a token of Microsoft Entra there are
    /// [`bearer`](Self::bearer) and [`sign`](Self::sign).
    pub fn azure(resource_url: impl Into<String>, api_version: impl Into<String>) -> Self {
        Provider {
            layout: Layout::Deployments,
            query: Some(("api-version", api_version.into())),
            auth: Auth::Header("api-key"),
            ..Self::of(Vendor::Azure, "azure", resource_url)
        }
    }

    /// Azure's newer API, which has OpenAI's own paths under `/openai/v1`, and the model in the body.
    pub fn azure_v1(resource_url: impl Into<String>) -> Self {
        let mut base_url = resource_url.into();
        base_url.truncate(base_url.trim_end_matches('/').len());
        base_url.push_str("/openai");
        Provider { auth: Auth::Header("api-key"), ..Self::of(Vendor::Azure, "azure", base_url) }
    }

    /// Anthropic's Messages API.
    pub fn anthropic() -> Self {
        Provider {
            dialect: Dialect::Anthropic,
            auth: Auth::Header("x-api-key"),
            ..Self::of(Vendor::Anthropic, "anthropic", "https://api.anthropic.com")
        }
    }

    /// The Gemini API of Google AI Studio. The caller's path names the model and the method:
    /// `/v1beta/models/{model}:streamGenerateContent?alt=sse`.
    pub fn gemini() -> Self {
        Provider {
            dialect: Dialect::Gemini,
            auth: Auth::Header("x-goog-api-key"),
            ..Self::of(Vendor::Gemini, "gemini", "https://generativelanguage.googleapis.com")
        }
    }

    /// Gemini on Google Cloud, in a location such as `europe-west4` or `global`. It takes the Gemini API's paths, and
    /// those under `/v1/projects/` as they are. Access tokens expire: see [`sign`](Self::sign).
    pub fn vertex(project: impl Into<String>, location: impl Into<String>) -> Self {
        let (project, location) = (project.into(), location.into());
        let base_url = match &*location {
            "global" => "https://aiplatform.googleapis.com".to_owned(),
            location => format!("https://{location}-aiplatform.googleapis.com"),
        };
        let prefix = format!("/v1/projects/{project}/locations/{location}/publishers/google");
        Provider {
            dialect: Dialect::Gemini,
            layout: Layout::Project(prefix),
            ..Self::of(Vendor::Vertex, "vertex", base_url)
        }
    }

    /// Amazon Bedrock in a region such as `us-east-1`. The caller's path names the model and the method:
    /// `/model/{model}/converse-stream`, `/model/{model}/invoke`, … The key is a Bedrock API key; for Signature Version
    /// 4 there is [`sign`](Self::sign).
    pub fn bedrock(region: impl AsRef<str>) -> Self {
        let base_url = format!("https://bedrock-runtime.{}.amazonaws.com", region.as_ref());
        Provider { dialect: Dialect::Bedrock, ..Self::of(Vendor::Bedrock, "bedrock", base_url) }
    }

    /// Mistral's own API. It sends the usage unasked.
    pub fn mistral() -> Self {
        Self::of(Vendor::Mistral, "mistral", "https://api.mistral.ai").ask_usage(false)
    }

    /// Groq. It sends the usage unasked.
    pub fn groq() -> Self {
        Self::of(Vendor::Groq, "groq", "https://api.groq.com/openai").ask_usage(false)
    }

    /// DeepSeek's own API.
    pub fn deepseek() -> Self {
        Self::of(Vendor::DeepSeek, "deepseek", "https://api.deepseek.com")
    }

    /// OpenRouter: chat completions at `/`, Responses and Anthropic's Messages at their paths.
    pub fn openrouter() -> Self {
        Self::of(Vendor::OpenRouter, "openrouter", "https://openrouter.ai/api")
    }

    /// Together AI.
    pub fn together() -> Self {
        Self::of(Vendor::Together, "together", "https://api.together.xyz")
    }

    /// Fireworks AI.
    pub fn fireworks() -> Self {
        Self::of(Vendor::Fireworks, "fireworks", "https://api.fireworks.ai/inference")
    }

    /// Cohere's own API, version 2.
    pub fn cohere() -> Self {
        Provider { dialect: Dialect::Cohere, ..Self::of(Vendor::Cohere, "cohere", "https://api.cohere.com") }
    }

    /// SambaNova Cloud.
    pub fn sambanova() -> Self {
        Self::of(Vendor::SambaNova, "sambanova", "https://api.sambanova.ai")
    }

    /// The router of Hugging Face's inference providers.
    pub fn huggingface() -> Self {
        Self::of(Vendor::HuggingFace, "huggingface", "https://router.huggingface.co")
    }

    /// An Ollama server on this machine; [`base_url`](Self::base_url) moves it. Its own chat is at `/` and `/api/chat`,
    /// OpenAI's at `/v1/chat/completions`.
    pub fn ollama() -> Self {
        Provider { dialect: Dialect::Ollama, ..Self::of(Vendor::Ollama, "ollama", "http://127.0.0.1:11434") }
    }

    /// A server of Text Generation Inference: its own dialect at `/`, `/generate` and `/generate_stream`, OpenAI's at
    /// `/v1/chat/completions`.
    pub fn tgi(base_url: impl Into<String>) -> Self {
        Provider { dialect: Dialect::Tgi, ..Self::of(Vendor::Tgi, "tgi", base_url) }
    }

    /// A vLLM server.
    pub fn vllm(base_url: impl Into<String>) -> Self {
        Self::of(Vendor::Vllm, "vllm", base_url)
    }

    /// A LiteLLM proxy.
    pub fn litellm(base_url: impl Into<String>) -> Self {
        Self::of(Vendor::LiteLlm, "litellm", base_url)
    }

    fn of(vendor: Vendor, name: &'static str, base_url: impl Into<String>) -> Self {
        Self::compatible(name, base_url).vendor(vendor)
    }
}
