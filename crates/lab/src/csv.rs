//! CSV files that are evidence: nothing in one is guessed at or skipped. The first line that breaks a rule ends the
//! reading, and the error names both.

use std::{fmt, path::Path};

use buttress_call::BoxError;
use sha2::{Digest, Sha256};

/// What `parse` makes of a file, and the sha256 that names the file.
pub(crate) fn read<T>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, BadLine>,
) -> Result<(T, String), BoxError> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let content = parse(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((content, hex(&Sha256::digest(&bytes))))
}

/// A line with its number.
type Line<'a> = Result<(u64, &'a str), BadLine>;

/// The header, and the lines after it that say anything, by their numbers. All without the white space around them.
pub(crate) fn lines(bytes: &[u8]) -> Result<(&str, impl Iterator<Item = Line<'_>>), BadLine> {
    // Some editors begin a file with a byte order mark.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut lines = (1..).zip(bytes.split(|byte| *byte == b'\n')).map(|(line, bytes)| {
        let text = std::str::from_utf8(bytes);
        text.map(|text| (line, text.trim()))
            .map_err(|_| BadLine::new(line, "a line must be text in UTF-8", ""))
    });
    let (_, header) = lines.next().unwrap_or(Ok((1, "")))?;
    Ok((header, lines.filter(|line| !matches!(line, Ok((_, ""))))))
}

/// A line's fields. Quotes mean nothing here: no file that is read needs them.
pub(crate) fn fields(line: &str) -> Vec<&str> {
    line.split(',').map(str::trim).collect()
}

/// The line that broke a rule, and the rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    pub(crate) line: u64,
    pub(crate) rule: &'static str,
    found: String,
}

impl BadLine {
    pub(crate) fn new(line: u64, rule: &'static str, found: &str) -> Self {
        BadLine { line, rule, found: found.to_owned() }
    }
}

impl fmt::Display for BadLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.rule)?;
        if self.found.is_empty() { Ok(()) } else { write!(f, ", found {:?}", self.found) }
    }
}

impl std::error::Error for BadLine {}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_empty_ones_are_left_out() {
        let (header, lines) = lines(b"\xef\xbb\xbfa,b\r\n\n 1 , 2 \r\n\n").unwrap();
        assert_eq!(header, "a,b");
        assert_eq!(lines.collect::<Result<Vec<_>, _>>(), Ok(vec![(3, "1 , 2")]));
        assert_eq!(fields("1 , 2"), ["1", "2"]);
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_of_their_line() {
        let of =
            |bytes| lines(bytes).and_then(|(_, lines)| lines.collect::<Result<Vec<_>, _>>()).unwrap_err();
        for (bytes, line) in [(&b"a\xff"[..], 1), (b"a\n1\n\n2\xff\n", 4)] {
            assert_eq!((of(bytes).line, of(bytes).rule), (line, "a line must be text in UTF-8"));
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = read(Path::new("no/such.csv"), |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("no/such.csv"), "{error}");
    }
}
