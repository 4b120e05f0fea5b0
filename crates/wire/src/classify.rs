//! From what a provider says to a [`Kind`]: structured code, then status, then phrase.
//!
//! Codes are stable and phrases are not, so a phrase only refines what a code or a status left open: a 400 that is
//! really a prompt too long, a 429 that is really about money.

mod codes;
mod phrases;

use buttress_call::Kind;

pub(crate) use self::{
    codes::by_code,
    phrases::{by_phrase, refine, refused},
};
use crate::Vendor;

/// The kind that a status means to a vendor; `None` for a status below 400.
///
/// An unknown 5xx may go away, an unknown 4xx will not.
#[expect(clippy::match_same_arms, reason = "one line for each vendor's habit")]
pub(crate) fn by_status(vendor: Vendor, status: u16) -> Option<Kind> {
    use Vendor as V;
    Some(match (vendor, status) {
        // OpenAI's own 408 is a hiccup that its SDKs retry; servers that mean "too slow" say so in the code.
        (V::OpenAi | V::Azure | V::Other, 408) => Kind::Server,
        (V::Together, 403) => Kind::ContextTooLong,
        // The account is suspended.
        (V::Fireworks | V::Other, 412) => Kind::Quota,
        // Too many bytes. Another provider, or a larger window, may take them.
        (V::Anthropic, 413) => Kind::ContextTooLong,
        // The model made something up that fits no tool or schema: another try may do better.
        (V::Groq, 422) => Kind::Server,
        // No more calls at the same time.
        (V::Tgi, 429) => Kind::Overloaded,
        // No flex capacity.
        (V::Groq | V::Other, 498) => Kind::Overloaded,
        // An invalid token.
        (V::Cohere, 498) => Kind::Auth,
        // What stands behind it failed.
        (V::OpenRouter | V::Ollama, 502) => Kind::Overloaded,
        // It waited in a queue for too long.
        (V::SambaNova, 504) => Kind::Overloaded,
        (V::Custom(language), status) => {
            return language.status(http::StatusCode::from_u16(status).ok()?);
        }
        // Not implemented: it would be wrong again.
        (_, 501) => Kind::Invalid,
        _ => return Kind::from_status(http::StatusCode::from_u16(status).ok()?),
    })
}
