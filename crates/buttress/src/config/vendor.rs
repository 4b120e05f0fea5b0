//! Providers by name.

use serde::{Deserialize, Deserializer, de};

use super::{TargetConfig, error::shown};
use crate::{provider::Provider, wire::Dialect};

/// A provider that is known by name, or any server that speaks a known dialect.
///
/// In a file it is its name in small letters. Those that speak OpenAI's dialect at one of their addresses are asked there,
/// so that one request serves them all: [`Ollama`](Vendor::Ollama) and [`Tgi`](Vendor::Tgi) too, which have a dialect of
/// their own besides. What needs more than an address and a key, as Google's Vertex with its tokens that expire, is made
/// by hand from a [`Provider`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Vendor {
    /// OpenAI's own API. Its key is in `OPENAI_API_KEY`.
    OpenAi,
    /// OpenAI's models at Azure; `base_url` is the resource's, and with an `api_version` models are deployments. Its key is
    /// where `api_key_env` says.
    Azure,
    /// Anthropic's Messages API, in its own dialect. Its key is in `ANTHROPIC_API_KEY`.
    Anthropic,
    /// The Gemini API, in its own dialect. Its key is in `GEMINI_API_KEY`.
    Gemini,
    /// Amazon Bedrock in a `region`, in its own dialect. Its key is in `AWS_BEARER_TOKEN_BEDROCK`.
    Bedrock,
    /// Mistral's own API. Its key is in `MISTRAL_API_KEY`.
    Mistral,
    /// Groq. Its key is in `GROQ_API_KEY`.
    Groq,
    /// DeepSeek's own API. Its key is in `DEEPSEEK_API_KEY`.
    DeepSeek,
    /// OpenRouter. Its key is in `OPENROUTER_API_KEY`.
    OpenRouter,
    /// Together AI. Its key is in `TOGETHER_API_KEY`.
    Together,
    /// Fireworks AI. Its key is in `FIREWORKS_API_KEY`.
    Fireworks,
    /// Cohere's own API, in its own dialect. Its key is in `CO_API_KEY`.
    Cohere,
    /// SambaNova Cloud. Its key is in `SAMBANOVA_API_KEY`.
    SambaNova,
    /// The router of Hugging Face's inference providers. Its key is in `HF_TOKEN`.
    HuggingFace,
    /// An Ollama server, on this machine if there is no `base_url`. No key.
    Ollama,
    /// A server of Text Generation Inference, at its `base_url`. No key.
    Tgi,
    /// A vLLM server, at its `base_url`. No key.
    Vllm,
    /// A LiteLLM proxy, at its `base_url`. No key, if none is named.
    LiteLlm,
    /// Any server that speaks OpenAI's chat completions, at its `base_url`. No key, if none is named.
    Compatible,
}

impl Vendor {
    /// Every one, its name, and the variable in which its key usually stands.
    const KNOWN: [(Vendor, &str, Option<&str>); 19] = [
        (Vendor::OpenAi, "openai", Some("OPENAI_API_KEY")),
        (Vendor::Azure, "azure", None),
        (Vendor::Anthropic, "anthropic", Some("ANTHROPIC_API_KEY")),
        (Vendor::Gemini, "gemini", Some("GEMINI_API_KEY")),
        (Vendor::Bedrock, "bedrock", Some("AWS_BEARER_TOKEN_BEDROCK")),
        (Vendor::Mistral, "mistral", Some("MISTRAL_API_KEY")),
        (Vendor::Groq, "groq", Some("GROQ_API_KEY")),
        (Vendor::DeepSeek, "deepseek", Some("DEEPSEEK_API_KEY")),
        (Vendor::OpenRouter, "openrouter", Some("OPENROUTER_API_KEY")),
        (Vendor::Together, "together", Some("TOGETHER_API_KEY")),
        (Vendor::Fireworks, "fireworks", Some("FIREWORKS_API_KEY")),
        (Vendor::Cohere, "cohere", Some("CO_API_KEY")),
        (Vendor::SambaNova, "sambanova", Some("SAMBANOVA_API_KEY")),
        (Vendor::HuggingFace, "huggingface", Some("HF_TOKEN")),
        (Vendor::Ollama, "ollama", None),
        (Vendor::Tgi, "tgi", None),
        (Vendor::Vllm, "vllm", None),
        (Vendor::LiteLlm, "litellm", None),
        (Vendor::Compatible, "compatible", None),
    ];

    /// Every one.
    pub fn all() -> impl Iterator<Item = Vendor> {
        Self::KNOWN.into_iter().map(|(vendor, ..)| vendor)
    }

    /// Its name in a file.
    pub fn as_str(self) -> &'static str {
        self.known().1
    }

    /// The variable in which its key usually stands, and is looked for if the target names none.
    pub fn key_variable(self) -> Option<&'static str> {
        self.known().2
    }

    /// The vendor of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::KNOWN.into_iter().find(|(_, known, _)| *known == name).map(|(vendor, ..)| vendor)
    }

    /// Whether what is written for this one can be read by the other: nothing is translated.
    pub fn speaks_as(self, other: Vendor) -> bool {
        self.dialect() == other.dialect()
    }

    /// What it is asked in at `/`.
    pub fn dialect(self) -> Dialect {
        match self {
            Vendor::Anthropic => Dialect::Anthropic,
            Vendor::Gemini => Dialect::Gemini,
            Vendor::Bedrock => Dialect::Bedrock,
            Vendor::Cohere => Dialect::Cohere,
            _ => Dialect::OpenAi,
        }
    }

    fn known(self) -> (Vendor, &'static str, Option<&'static str>) {
        let found = Self::KNOWN.into_iter().find(|(vendor, ..)| *vendor == self);
        found.expect("every vendor stands in the table")
    }

    /// The provider that these settings are about, without its key; or the setting that it lacks.
    pub(super) fn provider(self, name: &str, settings: &TargetConfig) -> Result<Provider, &'static str> {
        let base_url = settings.base_url.as_deref();
        let address = || base_url.ok_or("base_url");
        let provider = match self {
            Vendor::OpenAi => Provider::openai(),
            Vendor::Azure => match &settings.api_version {
                Some(version) => Provider::azure(address()?, version.as_str()),
                // Its address is not the resource's own, so it stays as it is made.
                None => return Ok(Provider::azure_v1(address()?).name(name)),
            },
            Vendor::Anthropic => Provider::anthropic(),
            Vendor::Gemini => Provider::gemini(),
            Vendor::Bedrock => match (&settings.region, base_url) {
                (Some(region), _) => Provider::bedrock(region),
                // The address takes the region's place.
                (None, Some(_)) => Provider::bedrock(""),
                (None, None) => return Err("region"),
            },
            Vendor::Mistral => Provider::mistral(),
            Vendor::Groq => Provider::groq(),
            Vendor::DeepSeek => Provider::deepseek(),
            Vendor::OpenRouter => Provider::openrouter(),
            Vendor::Together => Provider::together(),
            Vendor::Fireworks => Provider::fireworks(),
            Vendor::Cohere => Provider::cohere(),
            Vendor::SambaNova => Provider::sambanova(),
            Vendor::HuggingFace => Provider::huggingface(),
            Vendor::Ollama => Provider::ollama(),
            Vendor::Tgi => Provider::tgi(address()?),
            Vendor::Vllm => Provider::vllm(address()?),
            Vendor::LiteLlm => Provider::litellm(address()?),
            Vendor::Compatible => Provider::compatible(name, address()?),
        };
        let provider = provider.name(name).dialect(self.dialect());
        Ok(match base_url {
            Some(url) => provider.base_url(url),
            None => provider,
        })
    }

    /// All names, with commas between.
    pub(super) fn names() -> String {
        Self::KNOWN.map(|(_, name, _)| name).join(", ")
    }
}

impl<'de> Deserialize<'de> for Vendor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || de::Error::custom(format!("= {}: must be one of {}", shown(&name), Self::names()));
        Self::from_name(&name).ok_or_else(unknown)
    }
}
