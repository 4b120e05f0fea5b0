//! Holding what is split, and refusing what is too long, whatever the form.

use std::fmt;

/// What is kept of an event that is too long: enough to tell its name.
const HEAD: usize = 1024;

/// How a stream of some form is cut into events: the state of scanning one.
pub(crate) trait Cut: Default {
    /// How many of the first bytes lie between two events, and belong to none.
    fn between(bytes: &[u8]) -> usize;

    /// The state before an event that begins with this byte.
    fn begin(first: u8) -> Self;

    /// Scans the event's next bytes; says where it ends, if it does.
    fn scan(&mut self, bytes: &[u8]) -> Option<usize>;

    /// The part of an event's last bytes that counts, however the input is cut.
    fn counted(bytes: &[u8]) -> &[u8] {
        bytes
    }

    /// Whether the event was the last that can be found.
    fn lost(&self) -> bool {
        false
    }
}

/// What the framer found.
#[derive(Debug)]
pub(crate) enum Found<'a, C> {
    /// A whole event, and how it was scanned.
    Whole(&'a [u8], &'a C),
    /// An event grew past the limit: its first bytes. Its rest will be skipped.
    TooLong(&'a [u8]),
    /// The end of an event that was too long.
    Skipped,
}

/// Cuts a stream of bytes into events.
pub(crate) struct Framer<C> {
    /// The beginning of an event that is not whole yet.
    held: Vec<u8>,
    /// `held` was handed out, and is to be cleared.
    spent: bool,
    max: usize,
    taken: u64,
    position: u64,
    phase: Phase,
    event: C,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Between,
    Within,
    /// To an event that is too long.
    Skipping,
    /// Nowhere: no more events can be found.
    Lost,
}

impl<C> fmt::Debug for Framer<C> {
    /// Without the bytes held, which are somebody's answer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framer")
            .field("held", &self.held.len())
            .field("max", &self.max)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

impl<C: Cut> Framer<C> {
    pub(crate) fn new(max: usize) -> Self {
        Framer {
            held: Vec::new(),
            spent: false,
            max,
            taken: 0,
            position: 0,
            phase: Phase::Between,
            event: C::default(),
        }
    }

    /// One that goes on where another, which has found nothing, is.
    pub(crate) fn after<Other>(other: &Framer<Other>) -> Self {
        Framer { taken: other.taken, position: other.position, ..Self::new(other.max) }
    }

    pub(crate) fn set_max(&mut self, max: usize) {
        self.max = max;
    }

    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Takes input up to the end of the next event.
    pub(crate) fn next<'a, 'i: 'a>(&'a mut self, input: &mut &'i [u8]) -> Option<Found<'a, C>> {
        self.clear_spent();
        if self.phase == Phase::Lost {
            self.take(input, input.len());
            return None;
        }
        if self.phase == Phase::Between {
            self.take(input, C::between(input));
            self.event = C::begin(*input.first()?);
            self.phase = Phase::Within;
        }
        if self.phase == Phase::Skipping {
            let end = self.event.scan(input);
            self.take(input, end.unwrap_or(input.len()));
            return end.map(|_| {
                self.finish();
                Found::Skipped
            });
        }
        // One byte more than the limit shows that it is passed. So the limit falls at the same byte however the
        // input is cut.
        let room = self.max.saturating_add(1).saturating_sub(self.held.len());
        let window = &input[..input.len().min(room)];
        match self.event.scan(window) {
            Some(end) if C::counted(&window[..end]).len() < room => {
                let bytes = self.take(input, end);
                self.finish();
                let bytes = if self.held.is_empty() {
                    bytes
                } else {
                    self.hold(C::counted(bytes));
                    self.spent = true;
                    &self.held
                };
                Some(Found::Whole(bytes, &self.event))
            }
            None if window.len() < room => {
                let bytes = self.take(input, window.len());
                self.hold(bytes);
                None
            }
            end => {
                let bytes = self.take(input, window.len());
                self.position = self.taken;
                self.phase = Phase::Skipping;
                if end.is_some() {
                    self.finish();
                }
                Some(Found::TooLong(self.head(bytes)))
            }
        }
    }

    /// The event that the input ended in, if it has any bytes and was not too long.
    pub(crate) fn close(&mut self) -> Option<(&[u8], &C)> {
        self.clear_spent();
        self.finish();
        self.spent = true;
        (!self.held.is_empty()).then_some((&self.held, &self.event))
    }

    fn take<'a>(&mut self, input: &mut &'a [u8], count: usize) -> &'a [u8] {
        let (taken, rest) = input.split_at(count);
        *input = rest;
        self.taken += count as u64;
        taken
    }

    /// The event is over: the next byte begins another.
    fn finish(&mut self) {
        self.position = self.taken;
        self.phase = if self.event.lost() { Phase::Lost } else { Phase::Between };
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

    /// The first bytes of the event that these bytes made too long, the same however the input was cut. The last byte
    /// is the one above the limit.
    fn head(&mut self, bytes: &[u8]) -> &[u8] {
        let length = HEAD.min(self.max);
        let mut head = std::mem::take(&mut self.held);
        head.truncate(length);
        let missing = bytes.len().min(length - head.len());
        head.extend_from_slice(&bytes[..missing]);
        head.shrink_to_fit();
        self.held = head;
        self.spent = true;
        &self.held
    }

    fn clear_spent(&mut self) {
        if std::mem::take(&mut self.spent) {
            self.held.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::sse;

    type Sse = Framer<sse::Scan>;

    /// The events of a stream that comes as one piece, `None` for one that was too long.
    fn frames(max: usize, mut input: &[u8]) -> Vec<Option<String>> {
        let mut cutter = Sse::new(max);
        let mut frames = Vec::new();
        while let Some(found) = cutter.next(&mut input) {
            match found {
                Found::Whole(bytes, scan) => {
                    let data = sse::fields(bytes, scan.lines()).data.unwrap_or_default();
                    frames.push(Some(String::from_utf8_lossy(&data).into_owned()));
                }
                Found::TooLong(_) => frames.push(None),
                Found::Skipped => {}
            }
        }
        frames
    }

    #[test]
    fn a_line_without_end_is_never_buffered_past_the_limit() {
        const MAX: usize = 1 << 20;
        let mut framer = Sse::new(MAX);
        let piece = [b'x'; 16 * 1024];
        let mut too_long = 0;
        for _ in 0..64 * 1024 * 1024 / piece.len() {
            let mut input = &piece[..];
            while let Some(found) = framer.next(&mut input) {
                assert!(matches!(found, Found::TooLong(_)));
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
        let mut framer = Sse::new(99);
        let mut input: &[u8] = b"data: a";
        assert!(framer.next(&mut input).is_none());
        framer.set_max(3);
        input = b"b\n\n";
        assert!(matches!(framer.next(&mut input), Some(Found::TooLong(_))));
        assert!(matches!(framer.next(&mut input), Some(Found::Skipped)));
    }

    #[test]
    fn the_limit_counts_the_line_ends() {
        assert_eq!(frames(9, b"data: a\n\n"), [Some("a".into())]);
        assert_eq!(frames(8, b"data: a\n\n"), [None]);
    }

    #[test]
    fn endless_comments_do_not_add_up() {
        let mut framer = Sse::new(64);
        for _ in 0..1000 {
            let mut input: &[u8] = b": still here\n";
            assert!(matches!(framer.next(&mut input), Some(Found::Whole(..))));
        }
        let mut input: &[u8] = b"data: a\n\n";
        let Some(Found::Whole(bytes, scan)) = framer.next(&mut input) else { panic!("an event") };
        assert_eq!(sse::fields(bytes, scan.lines()).data.as_deref(), Some(&b"a"[..]));
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
        let mut framer = Sse::new(99);
        let mut input: &[u8] = b"data: a\n\ndata: b";
        framer.next(&mut input);
        assert_eq!(framer.held.capacity(), 0);
        assert!(framer.next(&mut input).is_none());
        assert_eq!(framer.held, b"data: b");
    }
}
