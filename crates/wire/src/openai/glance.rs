//! Telling an ordinary chunk without parsing it.

use crate::glance::{keys, null};

keys! {
    CHOICES "choices"
    FINISH "finish_reason"
    USAGE "usage"
    ERROR "error"
    INDEX "index"
    AUDIO "audio"
    IMAGES "images"
}

/// Whether a chunk says nothing but the content of choice 0, for certain.
///
/// That is so if it has a choice, and every finish reason, usage and error in it is `null`, and every index 0.
pub(super) fn is_ordinary(data: &[u8]) -> bool {
    if !(data.starts_with(b"{") && data.ends_with(b"}")) {
        return false;
    }
    let Some(reasons) = FINISH.count(data, null) else { return false };
    // Only a choice has a finish reason. Where none is written, an ordinary chunk still has choices.
    (reasons > 0 || has_choice(data))
        && ERROR.is_null(data)
        && USAGE.is_null(data)
        && INDEX.count(data, |value| value.starts_with(b"0")).is_some()
}

/// Whether a chunk of which the end is missing has a choice with audio or images.
pub(super) fn begins_media(data: &[u8]) -> bool {
    data.starts_with(b"{")
        && has_choice(data)
        && (AUDIO.find(data).is_some_and(|audio| audio.starts_with(b"{"))
            || IMAGES.find(data).is_some_and(|images| images.starts_with(b"[{")))
}

fn has_choice(data: &[u8]) -> bool {
    let list = CHOICES.find(data).and_then(|list| list.strip_prefix(b"["));
    list.is_some_and(|first| first.trim_ascii_start().starts_with(b"{"))
}
