//! Where an event ends.

use std::fmt;

use memchr::memchr2;

use super::fields::Frame;

/// What the framer found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Found<'a> {
    /// A whole event.
    Frame(Frame<'a>),
    /// An event grew past the limit. What was kept of it is gone, and its rest will be.
    TooLong,
    /// The end of an event that was too long.
    Skipped,
}

/// Cuts a stream of bytes into events.
pub(crate) struct Framer {
    /// The beginning of an event that is not whole yet.
    held: Vec<u8>,
    /// `held` was handed out as a frame, and is to be cleared.
    spent: bool,
    max: usize,
    taken: u64,
    position: u64,
    event: Progress,
    skipping: bool,
}

impl fmt::Debug for Framer {
    /// Without the bytes held, which are somebody's answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("held", &self.held.len())
            .field("max", &self.max)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// How far the current event was scanned.
#[derive(Debug, Default)]
struct Progress {
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
    /// It is yet to come.
    #[default]
    Not,
    /// A comment, which ends with its line: many of them must not add up to one event.
    Comment,
    /// Fields, which end with an empty line.
    Fields,
}

impl Framer {
    pub(crate) fn new(max: usize) -> Self {
        Framer {
            held: Vec::new(),
            spent: false,
            max,
            taken: 0,
            position: 0,
            event: Progress::default(),
            skipping: false,
        }
    }

    pub(crate) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Takes input up to the end of the next event.
    pub(crate) fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Found<'a>> {
        self.clear_spent();
        if self.event.begun == Begun::Not {
            // Blank lines between events, and the LF of a CRLF whose CR ended the last one.
            let blank = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.take(input, blank);
            self.event.begun = if *input.first()? == b':' { Begun::Comment } else { Begun::Fields };
        }
        if self.skipping {
            let end = self.event.scan(input);
            self.take(input, end.unwrap_or(input.len()));
            return end.map(|_| {
                self.skipping = false;
                self.finish();
                Found::Skipped
            });
        }
        // One byte more than the limit shows that it is passed. So the limit falls at the same byte however the
        // input is cut.
        let room = self.max.saturating_add(1).saturating_sub(self.held.len());
        let window = &input[..input.len().min(room)];
        match self.event.scan(window) {
            Some(end) if without_lf(&window[..end]).len() < room => {
                let bytes = self.take(input, end);
                let lines = self.finish();
                let bytes = if self.held.is_empty() {
                    bytes
                } else {
                    self.hold(without_lf(bytes));
                    self.spent = true;
                    &self.held
                };
                Some(Found::Frame(Frame { bytes, lines }))
            }
            None if window.len() < room => {
                let bytes = self.take(input, window.len());
                self.hold(bytes);
                None
            }
            end => {
                self.take(input, window.len());
                self.held = Vec::new();
                self.position = self.taken;
                self.skipping = end.is_none();
                if end.is_some() {
                    self.finish();
                }
                Some(Found::TooLong)
            }
        }
    }

    /// The event that the input ended in, if it has any bytes and was not too long.
    pub(crate) fn close(&mut self) -> Option<Frame<'_>> {
        self.clear_spent();
        self.skipping = false;
        let unended = usize::from(self.event.in_line);
        let lines = self.finish() + unended;
        self.spent = true;
        (!self.held.is_empty()).then_some(Frame { bytes: &self.held, lines })
    }

    fn take<'a>(&mut self, input: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = input.split_at(count);
        *input = rest;
        self.taken += count as u64;
        taken
    }

    /// The event is over: the next byte begins another. Says how many lines it had.
    fn finish(&mut self) -> usize {
        self.position = self.taken;
        std::mem::take(&mut self.event).lines
    }

    /// Keeps bytes of a split event. Room doubles as usual, but never past the limit.
    fn hold(&mut self, bytes: &[u8]) {
        let needed = self.held.len() + bytes.len();
        if needed > self.held.capacity() {
            let room = needed.max((self.held.capacity() * 2).min(self.max));
            self.held.reserve_exact(room - self.held.len());
        }
        self.held.extend_from_slice(bytes);
    }

    fn clear_spent(&mut self) {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
        }
    }
}

impl Progress {
    /// Scans the event's next bytes; says where it ends, if it does.
    fn scan(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = usize::from(self.after_cr && bytes.first() == Some(&b'\n'));
        if !bytes.is_empty() {
            self.after_cr = false;
        }
        while let Some(found) = memchr2(b'\n', b'\r', &bytes[at..]) {
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
}

/// The bytes without the LF of a last CRLF. It may still be on its way when the event ends, so it counts for nothing.
fn without_lf(bytes: &[u8]) -> &[u8] {
    if bytes.ends_with(b"\r\n") { &bytes[..bytes.len() - 1] } else { bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The events of a stream that comes as one piece, `None` for one that was too long.
    fn frames(max: usize, mut input: &[u8]) -> Vec<Option<String>> {
        let mut cutter = Framer::new(max);
        let mut frames = Vec::new();
        while let Some(found) = cutter.next(&mut input) {
            match found {
                Found::Frame(frame) => {
                    let data = frame.fields().data.unwrap_or_default();
                    frames.push(Some(String::from_utf8_lossy(&data).into_owned()));
                }
                Found::TooLong => frames.push(None),
                Found::Skipped => {}
            }
        }
        frames
    }

    #[test]
    fn a_line_without_end_is_never_buffered_past_the_limit() {
        const MAX: usize = 1 << 20;
        let mut framer = Framer::new(MAX);
        let piece = [b'x'; 16 * 1024];
        let mut too_long = 0;
        for _ in 0..64 * 1024 * 1024 / piece.len() {
            let mut input = &piece[..];
            while let Some(found) = framer.next(&mut input) {
                assert!(matches!(found, Found::TooLong));
                too_long += 1;
            }
            assert!(framer.held.capacity() <= MAX, "{}", framer.held.capacity());
        }
        assert_eq!(too_long, 1);
        assert!(framer.close().is_none());
    }

    #[test]
    fn after_an_event_that_is_too_long_the_next_is_read() {
        let stream = format!("data: a\n\ndata: {}\ndata: y\n\ndata: b\n\n", "x".repeat(100));
        assert_eq!(frames(20, stream.as_bytes()), [Some("a".into()), None, Some("b".into())]);
    }

    #[test]
    fn a_limit_below_what_is_held_is_passed_at_once() {
        let mut framer = Framer::new(99);
        let mut input: &[u8] = b"data: a";
        assert!(framer.next(&mut input).is_none());
        framer.set_max(3);
        input = b"b\n\n";
        assert!(matches!(framer.next(&mut input), Some(Found::TooLong)));
        assert!(matches!(framer.next(&mut input), Some(Found::Skipped)));
    }

    #[test]
    fn the_limit_counts_the_line_ends() {
        assert_eq!(frames(9, b"data: a\n\n"), [Some("a".into())]);
        assert_eq!(frames(8, b"data: a\n\n"), [None]);
    }

    #[test]
    fn endless_comments_do_not_add_up() {
        let mut framer = Framer::new(64);
        for _ in 0..1000 {
            let mut input: &[u8] = b": still here\n";
            assert!(matches!(framer.next(&mut input), Some(Found::Frame(_))));
        }
        let mut input: &[u8] = b"data: a\n\n";
        let Some(Found::Frame(frame)) = framer.next(&mut input) else { panic!("an event") };
        assert_eq!(frame.fields().data.as_deref(), Some(&b"a"[..]));
    }

    #[test]
    fn data_lines_are_joined_and_one_space_is_dropped() {
        assert_eq!(frames(99, b"data: a\ndata:  b\ndata\ndata:c\n\n"), [Some("a\n b\n\nc".into())]);
    }

    #[test]
    fn unknown_fields_and_names_that_only_begin_alike_are_ignored() {
        assert_eq!(frames(99, b"id: 1\ndatabase: x\nretry: 5\ndata: a\n data: b\n\n"), [Some("a".into())]);
    }

    #[test]
    fn an_event_that_is_whole_is_not_copied() {
        let mut framer = Framer::new(99);
        let mut input: &[u8] = b"data: a\n\ndata: b";
        framer.next(&mut input);
        assert_eq!(framer.held.capacity(), 0);
        assert!(framer.next(&mut input).is_none());
        assert_eq!(framer.held, b"data: b");
    }
}
