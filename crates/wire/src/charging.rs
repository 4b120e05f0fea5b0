//! How vendors charge calls against their token limits.

use buttress_call::{Charging, OutputCharge};

use crate::Vendor;

/// How a vendor charges a call against its token limit.
///
/// OpenAI, Azure, Groq and Bedrock reserve the output cap, Anthropic and Fireworks charge output as it is generated,
/// and Google counts input alone. Of the others nothing is known: output is taken to be charged as it is generated. Of a
/// compatible API that nobody named ([`Vendor::Other`]) the dialect's author is taken for the model.
pub fn charging(vendor: impl Into<Vendor>) -> Charging {
    let reserved = Charging::new(OutputCharge::ReservedAndSettled);
    let streamed = Charging::new(OutputCharge::AsStreamed);
    match vendor.into() {
        Vendor::OpenAi | Vendor::Other => reserved.with_failed_requests_counted(),
        Vendor::Azure => Charging::new(OutputCharge::ReservedAndKept),
        Vendor::Groq | Vendor::Bedrock => reserved.with_cached_input_free(),
        Vendor::Anthropic | Vendor::Fireworks => streamed.with_split().with_cached_input_free(),
        Vendor::Gemini | Vendor::Vertex => Charging::new(OutputCharge::Free),
        Vendor::Mistral
        | Vendor::DeepSeek
        | Vendor::OpenRouter
        | Vendor::Together
        | Vendor::Cohere
        | Vendor::SambaNova
        | Vendor::HuggingFace
        | Vendor::Tgi
        | Vendor::Ollama
        | Vendor::Vllm
        | Vendor::LiteLlm
        | Vendor::Custom(_) => streamed,
    }
}
