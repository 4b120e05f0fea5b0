//! Hides the usage that was asked for on the caller's behalf.

use bytes::{Bytes, BytesMut};

/// Cuts events out of a stream that passes.
///
/// Only whole events can be cut, so the bytes of an event are kept until it is whole, or longer than the decoder reads.
/// A keep-alive comment is an event of its own and does not wait; nor do blank lines between events.
#[derive(Debug)]
pub(crate) struct Hide {
    /// Bytes of the events that are not whole yet.
    partial: BytesMut,
    /// Where `partial` starts in the stream.
    start: u64,
    /// What may pass.
    out: BytesMut,
    /// Where the events of this piece end, and what becomes of them.
    ends: Vec<(u64, Fate)>,
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

impl Hide {
    pub(crate) fn new(max_event: usize) -> Self {
        let (partial, out) = (BytesMut::new(), BytesMut::new());
        Hide { partial, start: 0, out, ends: Vec::new(), max_event, after_cr: None }
    }

    /// An event of the piece that comes next ends at this position of the stream.
    pub(crate) fn event(&mut self, position: u64, hidden: bool) {
        self.ends.push((position, if hidden { Fate::Hidden } else { Fate::Passes }));
    }

    /// A piece of the stream arrived: what may pass by now.
    pub(crate) fn pass(&mut self, piece: &Bytes) -> Bytes {
        let end = self.start + piece.len() as u64;
        let whole = self.partial.is_empty()
            && self.after_cr != Some(Fate::Hidden)
            && self.ends.last().is_some_and(|(last, _)| *last == end)
            && self.ends.iter().all(|(_, fate)| *fate == Fate::Passes);
        if whole {
            // The rule: whole events, none of them hidden. They pass as they are.
            self.ends.clear();
            self.start = end;
            self.after_cr = piece.ends_with(b"\r").then_some(Fate::Passes);
            return piece.clone();
        }
        self.partial.extend_from_slice(piece);
        let mut ends = std::mem::take(&mut self.ends);
        for (position, fate) in ends.drain(..) {
            self.cut(position, fate);
        }
        self.ends = ends;
        self.take()
    }

    fn cut(&mut self, position: u64, fate: Fate) {
        self.pass_blank(position);
        let event = self.split_to(position);
        if !event.is_empty() {
            self.after_cr = event.ends_with(b"\r").then_some(fate);
        }
        if fate == Fate::Passes {
            self.out.unsplit(event);
        }
    }

    fn take(&mut self) -> Bytes {
        self.pass_blank(u64::MAX);
        if self.partial.len() > self.max_event {
            // The decoder has given up on this event.
            self.cut(u64::MAX, Fate::Passes);
        }
        self.out.split().freeze()
    }

    /// The stream ended: what is left of it.
    pub(crate) fn close(&mut self, hidden: bool) -> Bytes {
        self.cut(u64::MAX, if hidden { Fate::Hidden } else { Fate::Passes });
        self.take()
    }

    /// Passes the blank lines before an event. (Those inside one that is passed in parts pass as well.)
    fn pass_blank(&mut self, position: u64) {
        if self.partial.first() == Some(&b'\n') && self.after_cr.take() == Some(Fate::Hidden) {
            let _ = self.split_to(self.start + 1);
        }
        let blank = self.partial.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count() as u64;
        if blank > 0 {
            self.after_cr = None;
            let blank = self.split_to(position.min(self.start + blank));
            self.out.unsplit(blank);
        }
    }

    fn split_to(&mut self, position: u64) -> BytesMut {
        let len = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let event = self.partial.split_to(len.min(self.partial.len()));
        self.start += event.len() as u64;
        event
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
        hide.pass(&Bytes::from_static(piece.as_bytes()))
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
        assert_eq!(hide.pass(&piece).as_ptr(), piece.as_ptr());
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
        assert_eq!(hide.close(false), "rest");
        assert_eq!(pass(&mut hide, "rest", &[]), "");
        assert_eq!(hide.close(true), "");
    }
}
