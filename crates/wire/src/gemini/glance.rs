//! Telling an ordinary chunk without parsing it.

use super::usage;
use crate::{Event, glance::keys};

keys! {
    PARTS "parts"
    MEDIA "inlineData"
    FINISH "finishReason"
    ERROR "error"
    FEEDBACK "promptFeedback"
    INDEX "index"
    USAGE "usageMetadata"
}

/// What a chunk says, if that is the content of candidate 0, perhaps with the usage, and nothing else, for certain.
///
/// That is so if candidates come first, and it has parts, no finish reason, error or feedback, and no other index than 0.
pub(super) fn ordinary(data: &[u8]) -> Option<Event> {
    if !(begins(data) && data.ends_with(b"}")) {
        return None;
    }
    let (rest, usage) = match USAGE.split(data) {
        // Of what follows the usage, too, the glance makes sure.
        Some((before, value)) => (before, Some(usage::glance(value)?)),
        None => (data, None),
    };
    let ordinary = !PARTS.is_absent(rest)
        && [&FINISH, &ERROR, &FEEDBACK].into_iter().all(|key| key.is_absent(rest))
        && INDEX.count(rest, |value| value.starts_with(b"0")).is_some();
    ordinary.then(|| Event { usage, ..Event::content() })
}

/// Whether a chunk of which the end is missing has a candidate with an image or audio.
pub(super) fn begins_media(data: &[u8]) -> bool {
    begins(data) && MEDIA.find(data).is_some_and(|media| media.starts_with(b"{"))
}

/// Whether the first thing in the object are its candidates.
fn begins(data: &[u8]) -> bool {
    let tokens: [&[u8]; 5] = [b"{", b"\"candidates\"", b":", b"[", b"{"];
    let mut rest = Some(data);
    for token in tokens {
        rest = rest.and_then(|rest| rest.trim_ascii_start().strip_prefix(token));
    }
    rest.is_some()
}
