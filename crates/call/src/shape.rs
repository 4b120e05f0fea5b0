//! What was learnt of a request's body.

use std::sync::Arc;

/// What a request's body asks for, read once and carried in [`Call`](crate::Call).
///
/// Whoever needs it first reads the JSON body; `buttress-wire` has the reader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shape {
    /// The model's name, as the caller wrote it.
    pub model: Option<Arc<str>>,
    /// Whether the answer is asked for as a stream.
    pub stream: bool,
    /// Whether tools are declared, whatever the caller says about their choice.
    pub tools: bool,
    /// The caller's own cap on generated tokens.
    pub max_output: Option<u64>,
    /// Bytes of text in the prompt: what a token estimate is made from. Media is left out.
    pub text_bytes: u64,
    /// A hash of the system prompt and the first message: equal for calls that can share a prompt cache.
    pub prefix: Option<u64>,
}
