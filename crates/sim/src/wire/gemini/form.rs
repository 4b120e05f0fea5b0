//! JSON as Google writes it.

use std::io;

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

/// On one line, a space after each colon.
pub(super) fn line(value: &impl Serialize) -> String {
    written(value, Serializer::with_formatter(Vec::new(), Spaced))
}

/// On many lines, indented by two.
pub(super) fn pretty(value: &impl Serialize) -> String {
    written(value, Serializer::pretty(Vec::new()))
}

/// An element of the array that a stream is.
pub(super) fn element(json: &str, first: bool) -> String {
    format!("{}{json}", if first { "[" } else { ",\r\n" })
}

fn written<F: Formatter>(value: &impl Serialize, mut serializer: Serializer<Vec<u8>, F>) -> String {
    value.serialize(&mut serializer).expect("plain structs with string keys always serialize");
    String::from_utf8(serializer.into_inner()).expect("JSON is UTF-8")
}

struct Spaced;

impl Formatter for Spaced {
    fn begin_object_value<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_space_after_each_colon_and_nowhere_else() {
        let value = serde_json::json!({"a": {"b": [1, "c:d"]}});
        assert_eq!(line(&value), r#"{"a": {"b": [1,"c:d"]}}"#);
    }
}
