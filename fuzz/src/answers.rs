//! Whole answers.

use buttress_wire::{Answer, ApiError, Dialect, answer};

use crate::bounded;

/// The body of a 200, to every dialect.
pub fn answers(body: &[u8]) {
    for dialect in Dialect::ALL {
        let read = answer(dialect, body);
        assert_eq!(ApiError::in_body(dialect, body).is_some(), matches!(read, Answer::Error(_)));
        let blank = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii().is_empty();
        assert_eq!(matches!(read, Answer::Broken("empty body")), blank);
        bounded(body.len(), 16 * body.len() + (32 << 10), || drop(answer(dialect, body)));
    }
}
