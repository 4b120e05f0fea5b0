//! Hides the usage that was asked for on the caller's behalf.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Cuts events out of a stream that passes.
///
/// Only whole events can be cut, so the bytes of an event are kept until it is whole, or longer than the decoder reads.
/// A keep-alive comment is an event of its own and does not wait; nor do blank lines between events. What passes is passed
/// on as it came, uncopied, but for an event that came in several pieces.
#[derive(Debug)]
pub(crate) struct Hide {
    /// The beginning of an event that is not whole yet.
    partial: BytesMut,
    /// What is looked at.
    bytes: Bytes,
    /// How much of it is dealt with.
    done: usize,
    /// What of it passes, and was not passed on yet.
    passing: Range<usize>,
    /// Where in the stream that is which is dealt with.
    position: u64,
    ends: Ends,
    max_event: usize,
    /// The last event ended in CR: a LF that follows shares its fate.
    after_cr: Option<Fate>,
}

/// What becomes of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Passes,
    Hidden,
}

/// Where the events of a piece end, and what becomes of them. Events in a row that pass are one: mostly there is one.
#[derive(Debug, Default)]
struct Ends {
    first: Option<(u64, Fate)>,
    more: Vec<(u64, Fate)>,
}

impl Ends {
    fn push(&mut self, position: u64, fate: Fate) {
        match self.more.last_mut().or(self.first.as_mut()) {
            Some((end, Fate::Passes)) if fate == Fate::Passes => *end = position,
            Some(_) => self.more.push((position, fate)),
            None => self.first = Some((position, fate)),
        }
    }

    /// Whether there is one end, and it is this.
    fn is_just(&self, position: u64, fate: Fate) -> bool {
        self.first == Some((position, fate)) && self.more.is_empty()
    }
}

impl Hide {
    pub(crate) fn new(max_event: usize) -> Self {
        Hide {
            partial: BytesMut::new(),
            bytes: Bytes::new(),
            done: 0,
            passing: 0..0,
            position: 0,
            ends: Ends::default(),
            max_event,
            after_cr: None,
        }
    }

    /// An event of the piece that comes next ends at this position of the stream.
    pub(crate) fn event(&mut self, position: u64, hidden: bool) {
        self.ends.push(position, if hidden { Fate::Hidden } else { Fate::Passes });
    }

    /// A piece of the stream arrived: passes on what may pass by now.
    pub(crate) fn pass(&mut self, piece: &Bytes, mut pass: impl FnMut(Bytes)) {
        let end = self.position + piece.len() as u64;
        let ends = std::mem::take(&mut self.ends);
        let fresh = self.partial.is_empty() && self.after_cr != Some(Fate::Hidden);
        if fresh && ends.is_just(end, Fate::Passes) {
            // The rule: whole events, none of them hidden. They pass as they are.
            self.position = end;
            self.after_cr = piece.ends_with(b"\r").then_some(Fate::Passes);
            return pass(piece.clone());
        }
        if self.partial.is_empty() {
            self.bytes = piece.clone();
        } else {
            self.partial.extend_from_slice(piece);
            if ends.first.is_none() && self.partial.len() <= self.max_event {
                return;
            }
            self.bytes = self.partial.split().freeze();
        }
        for (position, fate) in ends.first.into_iter().chain(ends.more) {
            self.cut(position, fate, &mut pass);
        }
        self.finish(&mut pass);
    }

    /// The stream ended: what is left of it.
    pub(crate) fn close(&mut self, hidden: bool, mut pass: impl FnMut(Bytes)) {
        if !self.partial.is_empty() {
            self.bytes = self.partial.split().freeze();
        }
        self.cut(u64::MAX, if hidden { Fate::Hidden } else { Fate::Passes }, &mut pass);
        self.finish(&mut pass);
    }

    fn cut(&mut self, position: u64, fate: Fate, pass: &mut impl FnMut(Bytes)) {
        self.pass_blank(position, pass);
        let event = self.split_to(position);
        if !event.is_empty() {
            self.after_cr = self.bytes[event.clone()].ends_with(b"\r").then_some(fate);
        }
        if fate == Fate::Passes {
            self.let_pass(event, pass);
        }
    }

    /// All ends are dealt with: what is left is the beginning of an event.
    fn finish(&mut self, pass: &mut impl FnMut(Bytes)) {
        self.pass_blank(u64::MAX, pass);
        if self.rest().len() > self.max_event {
            // The decoder has given up on this event.
            self.cut(u64::MAX, Fate::Passes, pass);
        }
        self.flush(pass);
        self.partial.extend_from_slice(&self.bytes[self.done..]);
        (self.bytes, self.done, self.passing) = (Bytes::new(), 0, 0..0);
    }

    /// Passes the blank lines before an event. (Those inside one that is passed in parts pass as well.)
    fn pass_blank(&mut self, position: u64, pass: &mut impl FnMut(Bytes)) {
        if self.rest().first() == Some(&b'\n') && self.after_cr.take() == Some(Fate::Hidden) {
            let _ = self.split_to(self.position + 1);
        }
        let blank = self.rest().iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count() as u64;
        if blank > 0 {
            self.after_cr = None;
            let blank = self.split_to(position.min(self.position + blank));
            self.let_pass(blank, pass);
        }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    /// Takes what comes up to this position of the stream.
    fn split_to(&mut self, position: u64) -> Range<usize> {
        let len = usize::try_from(position.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let from = self.done;
        self.done += len.min(self.rest().len());
        self.position += (self.done - from) as u64;
        from..self.done
    }

    /// Lets a part of `bytes` pass, together with what it follows.
    fn let_pass(&mut self, part: Range<usize>, pass: &mut impl FnMut(Bytes)) {
        if part.start != self.passing.end {
            self.flush(pass);
            self.passing.start = part.start;
        }
        self.passing.end = part.end;
    }

    fn flush(&mut self, pass: &mut impl FnMut(Bytes)) {
        if !self.passing.is_empty() {
            pass(self.bytes.slice(self.passing.clone()));
        }
        self.passing = self.passing.end..self.passing.end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes a piece whose events end at these positions; negative ones are hidden.
    fn pass(hide: &mut Hide, piece: &'static str, ends: &[i64]) -> Bytes {
        for end in ends {
            hide.event(end.unsigned_abs(), *end < 0);
        }
        let mut passed = BytesMut::new();
        hide.pass(&Bytes::from_static(piece.as_bytes()), |piece| passed.extend_from_slice(&piece));
        passed.freeze()
    }

    fn close(hide: &mut Hide, hidden: bool) -> Bytes {
        let mut passed = BytesMut::new();
        hide.close(hidden, |piece| passed.extend_from_slice(&piece));
        passed.freeze()
    }

    #[test]
    fn a_hidden_event_is_cut_wherever_the_input_was_split() {
        let mut hide = Hide::new(100);
        assert_eq!(pass(&mut hide, "aaaHH", &[3]), "aaa");
        assert_eq!(pass(&mut hide, "Hb", &[-6]), "");
        assert_eq!(pass(&mut hide, "bb", &[9]), "bbb");
    }

    #[test]
    fn whole_events_pass_without_being_copied() {
        let mut hide = Hide::new(100);
        let piece = Bytes::from_static(b"aaabbb");
        hide.event(3, false);
        hide.event(6, false);
        let mut passed = Vec::new();
        hide.pass(&piece, |piece| passed.push(piece));
        assert_eq!((passed.len(), passed[0].as_ptr()), (1, piece.as_ptr()));
        assert_eq!(pass(&mut hide, "HHccc", &[-8, 11]), "ccc");
    }

    #[test]
    fn blank_lines_between_events_pass_at_once() {
        let mut hide = Hide::new(100);
        assert_eq!(pass(&mut hide, "\n\r\n", &[]), "\n\r\n");
        assert_eq!(pass(&mut hide, "\nHH", &[-6]), "\n");
    }

    #[test]
    fn the_lf_of_a_split_crlf_shares_the_fate_of_its_event() {
        for (end, kept) in [(-2, "\nb"), (2, "H\r\n\nb")] {
            let mut hide = Hide::new(100);
            let mut out = pass(&mut hide, "H\r", &[end]).to_vec();
            out.extend_from_slice(&pass(&mut hide, "\n\nb", &[5]));
            assert_eq!(out, kept.as_bytes());
        }
    }

    #[test]
    fn an_event_longer_than_the_limit_passes_without_being_kept() {
        let mut hide = Hide::new(4);
        assert_eq!(pass(&mut hide, "xxx", &[]), "");
        assert_eq!(pass(&mut hide, "xx", &[]), "xxxxx");
        assert_eq!(pass(&mut hide, "xHH", &[6, -8]), "x");
    }

    #[test]
    fn what_is_left_at_the_end_passes_unless_it_is_to_be_hidden() {
        let mut hide = Hide::new(100);
        assert_eq!(pass(&mut hide, "rest", &[]), "");
        assert_eq!(close(&mut hide, false), "rest");
        assert_eq!(pass(&mut hide, "rest", &[]), "");
        assert_eq!(close(&mut hide, true), "");
    }
}
