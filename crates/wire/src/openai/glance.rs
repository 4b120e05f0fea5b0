//! Telling an ordinary chunk without parsing it.

use std::sync::LazyLock;

use memchr::memmem::Finder;

static CHOICES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"choices\""));
static FINISH: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"finish_reason\""));
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"usage\""));
static ERROR: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"error\""));
static INDEX: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"index\""));

/// Whether a chunk says nothing but the content of choice 0, for certain.
///
/// That is so if it has a choice, and every finish reason, usage and error in it is `null`, and every index 0. A key is
/// searched for with its quotes: inside generated text a quote is escaped, so text that quotes this very protocol
/// contains `\"error\"` and never `"error"`. A text that consists of one of these words alone does look like a key; then
/// the answer is no, and the chunk is parsed. (A key could hide from this by spelling a letter as `\u0065`. No server
/// does.)
pub(super) fn is_ordinary(data: &[u8]) -> bool {
    if !(data.starts_with(b"{") && data.ends_with(b"}")) {
        return false;
    }
    let null = |value: &[u8]| value.starts_with(b"null");
    let Some(reasons) = count(&FINISH, data, null) else { return false };
    // Only a choice has a finish reason. Where none is written, an ordinary chunk still has choices.
    (reasons > 0 || has_choice(data))
        && count(&ERROR, data, null).is_some()
        && count(&USAGE, data, null).is_some()
        && count(&INDEX, data, |value| value.starts_with(b"0")).is_some()
}

/// How often a key stands in the data; `None` if one of its values is not as it should be.
fn count(key: &Finder<'_>, data: &[u8], ok: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let mut rest = data;
    let mut count = 0;
    while let Some(at) = key.find(rest) {
        rest = &rest[at + key.needle().len()..];
        if !ok(value(rest)) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

fn has_choice(data: &[u8]) -> bool {
    CHOICES.find(data).is_some_and(|at| {
        let list = value(&data[at + CHOICES.needle().len()..]);
        list.strip_prefix(b"[").is_some_and(|first| first.trim_ascii_start().starts_with(b"{"))
    })
}

/// What follows a key's colon. What follows no colon is no value.
fn value(after_key: &[u8]) -> &[u8] {
    let value = after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default();
    value.trim_ascii_start()
}
