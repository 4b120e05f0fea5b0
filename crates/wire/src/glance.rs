//! Looking for keys in JSON without parsing it.
//!
//! A key is searched for with its quotes: inside generated text a quote is escaped, so text that quotes a protocol
//! contains `\"error\"` and never `"error"`. A text that consists of such a word alone does look like a key, but no colon
//! follows it. (A key could hide from this by spelling a letter as `\u0065`. No server does.)

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// A key to look for, with its quotes.
pub(crate) struct Key(LazyLock<Finder<'static>>);

/// Defines keys: a name for each, and how the wire spells it.
macro_rules! keys {
    ($($name:ident $key:literal)*) => {
        $(static $name: $crate::glance::Key = $crate::glance::Key::new(
            || ::memchr::memmem::Finder::new(concat!("\"", $key, "\"")),
        );)*
    };
}
pub(crate) use keys;

impl Key {
    pub(crate) const fn new(finder: fn() -> Finder<'static>) -> Self {
        Key(LazyLock::new(finder))
    }

    /// Whether the word stands nowhere in the JSON, be it as a key or as a text.
    pub(crate) fn is_absent(&self, json: &[u8]) -> bool {
        self.0.find(json).is_none()
    }

    /// How often the key stands in the JSON; `None` if one of its values is not as it should be.
    pub(crate) fn count(&self, json: &[u8], ok: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let mut rest = json;
        let mut count = 0;
        while let Some(at) = self.0.find(rest) {
            rest = &rest[at + self.0.needle().len()..];
            if !ok(value(rest)) {
                return None;
            }
            count += 1;
        }
        Some(count)
    }

    /// Whether all its values, if there are any, are `null`.
    pub(crate) fn is_null(&self, json: &[u8]) -> bool {
        self.count(json, null).is_some()
    }

    /// The JSON before the key, where it stands first, and from its value on.
    pub(crate) fn split<'a>(&self, json: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
        self.0.find(json).map(|at| (&json[..at], value(&json[at + self.0.needle().len()..])))
    }

    /// The JSON from the key's first value on.
    pub(crate) fn find<'a>(&self, json: &'a [u8]) -> Option<&'a [u8]> {
        self.split(json).map(|(_, value)| value)
    }
}

pub(crate) fn null(value: &[u8]) -> bool {
    value.starts_with(b"null")
}

/// What follows a key's colon. What follows no colon is no value.
fn value(after_key: &[u8]) -> &[u8] {
    let value = after_key.trim_ascii_start().strip_prefix(b":").unwrap_or_default();
    value.trim_ascii_start()
}
