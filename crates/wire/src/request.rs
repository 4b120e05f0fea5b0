//! What can be wrong with a request's body.

use std::{error::Error, fmt};

use serde_json::error::Category;

/// A request body that cannot be read, and where. It never quotes the body, which may be anybody's prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestError {
    what: &'static str,
    line: usize,
    column: usize,
}

impl RequestError {
    pub(crate) fn not_an_object() -> Self {
        RequestError { what: "is not a JSON object", line: 1, column: 1 }
    }

    /// It is text up to here.
    pub(crate) fn not_text(before: &[u8]) -> Self {
        let lines = before.split(|byte| *byte == b'\n');
        let (line, last) = lines.enumerate().last().unwrap_or_default();
        RequestError { what: "is not JSON", line: line + 1, column: last.len() + 1 }
    }

    /// The line of the body where reading stopped, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column where reading stopped, in bytes, from 1 (0 for the start of a line).
    pub fn column(&self) -> usize {
        self.column
    }
}

impl From<serde_json::Error> for RequestError {
    fn from(error: serde_json::Error) -> Self {
        let what = match error.classify() {
            Category::Eof => "is cut short",
            Category::Syntax | Category::Io => "is not JSON",
            Category::Data => "is not a JSON object",
        };
        RequestError { what, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestError { what, line, column } = self;
        write!(f, "the request body {what} (line {line}, column {column})")
    }
}

impl Error for RequestError {}
