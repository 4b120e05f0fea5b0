//! Hides the usage that was asked for on the caller's behalf.

use bytes::{Bytes, BytesMut};

/// Cuts events out of a stream that passes.
///
/// Only whole events can be cut, so the bytes of an event are kept until it is whole, or longer than the decoder reads.
/// A keep-alive comment is an event of its own and does not wait.
#[derive(Debug)]
pub(crate) struct Hide {
    /// Bytes of the events that are not whole yet.
    partial: BytesMut,
    /// Where `partial` starts in the stream.
    start: u64,
    /// What may pass.
    out: BytesMut,
    max_event: usize,
}

impl Hide {
    pub(crate) fn new(max_event: usize) -> Self {
        Hide { partial: BytesMut::new(), start: 0, out: BytesMut::new(), max_event }
    }

    /// More of the stream arrived.
    pub(crate) fn extend(&mut self, data: &[u8]) {
        self.partial.extend_from_slice(data);
    }

    /// An event ends at this position of the stream.
    pub(crate) fn event(&mut self, position: u64, hidden: bool) {
        let len = usize::try_from(position.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let event = self.partial.split_to(len.min(self.partial.len()));
        self.start = position;
        if !hidden {
            self.out.unsplit(event);
        }
    }

    /// What may pass by now.
    pub(crate) fn take(&mut self) -> Bytes {
        if self.partial.len() > self.max_event {
            // The decoder has given up on this event.
            self.pass_partial();
        }
        self.out.split().freeze()
    }

    /// The stream ended: what is left of it.
    pub(crate) fn close(&mut self, hidden: bool) -> Bytes {
        if hidden {
            self.partial.clear();
        }
        self.pass_partial();
        self.take()
    }

    fn pass_partial(&mut self) {
        self.start += self.partial.len() as u64;
        self.out.unsplit(self.partial.split());
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
