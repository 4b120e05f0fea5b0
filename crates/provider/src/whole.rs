//! A whole answer, at hand.

use bytes::Bytes;
use http::Response;

/// All of an answer that was held back to its end, as the caller gets it: an extension of the response under
/// [`Commit::End`](crate::Commit::End), whatever the body was wrapped in since.
///
/// It is there for JSON, and for streams in a known dialect; not past `max_bytes`, and not for what nobody can look into.
/// It shares its memory with the body.
///
/// ```
/// use buttress_provider::Whole;
///
/// /// Whether the model kept to the format that it was asked for: a check for retry's `validate`.
/// fn is_json<B>(response: &http::Response<B>) -> Result<(), &'static str> {
///     let Some(answer) = Whole::of(response) else { return Ok(()) };
///     if answer.starts_with(b"{") { Ok(()) } else { Err("not JSON") }
/// }
/// # assert!(is_json(&http::Response::new(())).is_ok());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Whole(Bytes);

impl Whole {
    pub(crate) fn new(answer: Bytes) -> Self {
        Whole(answer)
    }

    /// The whole answer, if the response carries it.
    pub fn of<B>(response: &Response<B>) -> Option<&Bytes> {
        response.extensions().get().map(|Whole(answer)| answer)
    }
}

impl std::fmt::Debug for Whole {
    /// Without the answer, which is somebody's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Whole({} bytes)", self.0.len())
    }
}
