//! One JSON array whose elements come one after another.

use memchr::{memchr2, memchr3};

use super::Cut;

/// An element of the array: an object, or something that should not be there.
#[derive(Debug, Default)]
pub(crate) struct Element {
    is_object: bool,
    depth: usize,
    in_string: bool,
    /// The last byte was a backslash inside a string: the next means nothing.
    escaped: bool,
}

impl Cut for Element {
    /// Blanks, and what holds the array together. Whether it is well formed is not asked: its elements are what counts.
    fn between(bytes: &[u8]) -> usize {
        let between = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'[' | b',' | b']');
        bytes.iter().take_while(|byte| between(byte)).count()
    }

    fn begin(first: u8) -> Self {
        Element { is_object: first == b'{', ..Self::default() }
    }

    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        if !self.is_object {
            return bytes.iter().position(|byte| matches!(byte, b',' | b']' | b'\n' | b'\r' | b'{'));
        }
        let mut at = 0;
        while at < bytes.len() {
            if std::mem::take(&mut self.escaped) {
                at += 1;
                continue;
            }
            let found = if self.in_string {
                memchr2(b'"', b'\\', &bytes[at..])?
            } else {
                memchr3(b'"', b'{', b'}', &bytes[at..])?
            };
            let byte = bytes[at + found];
            at += found + 1;
            match byte {
                b'"' => self.in_string = !self.in_string,
                b'\\' => self.escaped = true,
                b'{' => self.depth += 1,
                _ => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(at);
                    }
                }
            }
        }
        None
    }
}
