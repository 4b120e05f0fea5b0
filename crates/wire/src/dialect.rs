//! The languages that LLM APIs speak.

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
    /// Anthropic Messages.
    Anthropic,
}
