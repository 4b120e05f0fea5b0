//! Telling an ordinary chunk without parsing it.

use super::usage;
use crate::{Event, glance::keys};

keys! {
    PARTS "parts"
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
    let ordinary = begins(data)
        && data.ends_with(b"}")
        && !PARTS.is_absent(data)
        && [&FINISH, &ERROR, &FEEDBACK].into_iter().all(|key| key.is_absent(data))
        && INDEX.count(data, |value| value.starts_with(b"0")).is_some();
    if !ordinary {
        return None;
    }
    let usage = if USAGE.is_absent(data) { None } else { Some(usage::glance(USAGE.find(data)?)?) };
    Some(Event { usage, ..Event::content() })
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
