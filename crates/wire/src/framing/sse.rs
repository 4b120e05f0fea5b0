//! Server-sent events: lines that end in LF, CR or CRLF, and an empty line that ends an event.
//!
//! Any line end may be split between two inputs.

mod fields;

use memchr::memchr2;

pub(crate) use self::fields::{Fields, fields, fields_of_head};
use super::Cut;

/// How far the current event was scanned.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    begun: Begun,
    /// The current line has bytes.
    in_line: bool,
    /// The last byte was CR: a LF that follows belongs to it.
    after_cr: bool,
    lines: usize,
}

/// What an event's first byte says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Begun {
    /// A comment, which ends with its line: many of them must not add up to one event.
    Comment,
    /// Fields, which end with an empty line.
    #[default]
    Fields,
}

impl Scan {
    /// How many lines the event has, the empty one left out.
    pub(crate) fn lines(&self) -> usize {
        self.lines + usize::from(self.in_line)
    }
}

impl Cut for Scan {
    /// Blank lines between events, and the LF of a CRLF whose CR ended the last one.
    fn between(bytes: &[u8]) -> usize {
        bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
    }

    fn begin(first: u8) -> Self {
        Scan { begun: if first == b':' { Begun::Comment } else { Begun::Fields }, ..Self::default() }
    }

    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(self.after_cr && bytes.first() == Some(&b'\n'));
        if !bytes.is_empty() {
            self.after_cr = false;
        }
        while let Some(found) = line_end(&bytes[at..]) {
            let empty = found == 0 && !self.in_line;
            let cr = bytes[at + found] == b'\r';
            at += found + 1;
            if cr {
                match bytes.get(at) {
                    Some(b'\n') => at += 1,
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.in_line = false;
            self.lines += usize::from(!empty);
            if empty || self.begun == Begun::Comment {
                return Some(at);
            }
        }
        self.in_line |= at < bytes.len();
        None
    }

    /// The bytes without the LF of a last CRLF. It may still be on its way when the event ends, so it counts for
    /// nothing.
    fn counted(bytes: &[u8]) -> &[u8] {
        if bytes.ends_with(b"\r\n") { &bytes[..bytes.len() - 1] } else { bytes }
    }
}

/// Where the line ends. One line in two or three is empty, and is known without a search.
fn line_end(bytes: &[u8]) -> Option<usize> {
    if let Some(b'\n' | b'\r') = bytes.first() { Some(0) } else { memchr2(b'\n', b'\r', bytes) }
}
