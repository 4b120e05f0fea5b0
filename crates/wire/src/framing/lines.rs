//! One JSON value a line.

use memchr::memchr2;

use super::Cut;

/// A line. CR ends it as LF does: inside a JSON value neither can stand.
#[derive(Debug, Default)]
pub(crate) struct Line;

impl Cut for Line {
    fn between(bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
    }

    fn begin(_: u8) -> Self {
        Line
    }

    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        memchr2(b'\n', b'\r', bytes).map(|end| end + 1)
    }
}
