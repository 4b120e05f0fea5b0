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
        Hide { partial: BytesMut::new(), start: 0, out: BytesMut::new(), max_event, after_cr: None }
    }

    /// More of the stream arrived.
    pub(crate) fn extend(&mut self, data: &[u8]) {
        self.partial.extend_from_slice(data);
    }

    /// An event ends at this position of the stream.
    pub(crate) fn event(&mut self, position: u64, hidden: bool) {
        self.pass_blank(position);
        let event = self.split_to(position);
        if !event.is_empty() {
            let fate = if hidden { Fate::Hidden } else { Fate::Passes };
            self.after_cr = event.ends_with(b"\r").then_some(fate);
        }
        if !hidden {
            self.out.unsplit(event);
        }
    }

    /// What may pass by now.
    pub(crate) fn take(&mut self) -> Bytes {
        self.pass_blank(u64::MAX);
        if self.partial.len() > self.max_event {
            // The decoder has given up on this event.
            self.pass_partial();
        }
        self.out.split().freeze()
    }

    /// The stream ended: what is left of it.
    pub(crate) fn close(&mut self, hidden: bool) -> Bytes {
        self.event(u64::MAX, hidden);
        self.take()
    }

    fn pass_partial(&mut self) {
        self.event(u64::MAX, false);
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

    #[test]
    fn a_hidden_event_is_cut_wherever_the_input_was_split() {
        let mut hide = Hide::new(100);
        hide.extend(b"aaaHH");
        hide.event(3, false);
        assert_eq!(hide.take(), "aaa");
        hide.extend(b"Hb");
        hide.event(6, true);
        assert_eq!(hide.take(), "");
        hide.extend(b"bb");
        hide.event(9, false);
        assert_eq!(hide.take(), "bbb");
    }

    #[test]
    fn blank_lines_between_events_pass_at_once() {
        let mut hide = Hide::new(100);
        hide.extend(b"\n\r\n");
        assert_eq!(hide.take(), "\n\r\n");
        hide.extend(b"\nHH");
        hide.event(6, true);
        assert_eq!(hide.take(), "\n");
    }

    #[test]
    fn the_lf_of_a_split_crlf_shares_the_fate_of_its_event() {
        for (hidden, kept) in [(true, "\nb"), (false, "H\r\n\nb")] {
            let mut hide = Hide::new(100);
            hide.extend(b"H\r");
            hide.event(2, hidden);
            let mut out = hide.take().to_vec();
            hide.extend(b"\n\nb");
            hide.event(5, false);
            out.extend_from_slice(&hide.take());
            assert_eq!(out, kept.as_bytes());
        }
    }

    #[test]
    fn an_event_longer_than_the_limit_passes_without_being_kept() {
        let mut hide = Hide::new(4);
        hide.extend(b"xxx");
        assert_eq!(hide.take(), "");
        hide.extend(b"xx");
        assert_eq!(hide.take(), "xxxxx");
        hide.extend(b"xHH");
        hide.event(6, false);
        hide.event(8, true);
        assert_eq!(hide.take(), "x");
    }

    #[test]
    fn what_is_left_at_the_end_passes_unless_it_is_to_be_hidden() {
        let mut hide = Hide::new(100);
        hide.extend(b"rest");
        assert_eq!(hide.close(false), "rest");
        hide.extend(b"rest");
        assert_eq!(hide.close(true), "");
    }
}
