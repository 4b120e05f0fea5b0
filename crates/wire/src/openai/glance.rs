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
/// That is so if it has choices, and every finish reason, usage and error in it is `null`, and every index 0. A key is
/// searched for with its quotes: inside generated text a quote is escaped, so text that quotes this very protocol
/// contains `\"error\"` and never `"error"`. A text that consists of one of these words alone does look like a key; then
/// the answer is no, and the chunk is parsed. (A key could hide from this by spelling a letter as `\u0065`. No server
/// does.)
pub(super) fn is_ordinary(data: &[u8]) -> bool {
    data.starts_with(b"{")
        && data.ends_with(b"}")
        && CHOICES.find(data).is_some_and(|at| {
            let value = value(&data[at + CHOICES.needle().len()..]);
            value.strip_prefix(b"[").is_some_and(|inner| inner.trim_ascii_start().starts_with(b"{"))
        })
        && every(&ERROR, data, |value| value.starts_with(b"null"))
        && every(&USAGE, data, |value| value.starts_with(b"null"))
        && every(&FINISH, data, |value| value.starts_with(b"null"))
        && every(&INDEX, data, |value| value.starts_with(b"0"))
}

fn every(key: &Finder<'_>, data: &[u8], quiet: impl Fn(&[u8]) -> bool) -> bool {
    let mut rest = data;
    while let Some(at) = key.find(rest) {
        rest = &rest[at + key.needle().len()..];
        if !quiet(value(rest)) {
            return false;
        }
    }
    true
}

/// What follows a key's colon. What follows no colon is no value.
fn value(after_key: &[u8]) -> &[u8] {
    let value = after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default();
    value.trim_ascii_start()
}
