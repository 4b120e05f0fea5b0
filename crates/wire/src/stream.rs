//! Decoding a stream, one event at a time.

mod frames;

use self::frames::Frames;
use crate::{Close, Dialect, Event, reader::Reader};

/// The default limit of one event: far above what any provider sends (the largest carry audio or a whole tool call).
const MAX_EVENT: usize = 1024 * 1024;

/// Reads a stream in a dialect.
///
/// It takes bytes as they come, cut anywhere, and never fails: what is wrong with a stream is said by its events. Up to
/// the first content every event is parsed. After that, events are only searched for signs of something other than
/// content, and parsed if there are any, so that watching a stream costs next to nothing.
#[derive(Debug)]
pub struct Decoder {
    dialect: Dialect,
    frames: Frames,
    reader: Reader,
    /// An event said that the provider failed.
    failed: bool,
    /// The end marker was seen.
    marked: bool,
}

impl Decoder {
    /// A decoder for the beginning of a stream.
    pub fn new(dialect: Dialect) -> Self {
        Decoder {
            dialect,
            frames: Frames::new(dialect.form(), MAX_EVENT),
            reader: Reader::new(dialect),
            failed: false,
            marked: false,
        }
    }

    /// Sets the limit of one event in bytes (default 1 MiB): the most that is ever buffered.
    ///
    /// An event that passes it is reported as [`too_long`](field@Event::too_long) when it does; of it only the name is
    /// read. Its rest is skipped, and reported as an event that says nothing when it ends.
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.frames.set_max(bytes);
        self
    }

    /// Takes from the front of `input` up to the end of the next event. `None`: all input was taken, more is needed.
    // Inlined, an event, which is large beside what an ordinary one costs, is not moved when it is returned.
    #[inline]
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Event> {
        let event = self.frames.next(input, self.dialect, &mut self.reader);
        self.note(event.as_ref());
        event
    }

    /// Bytes taken up to the end of the last event returned, counted from the beginning of the stream.
    ///
    /// The bytes between two positions are one event (with the blank lines before it), so a caller that passes the
    /// stream on can leave an event out.
    pub fn position(&self) -> u64 {
        self.frames.position()
    }

    /// The input ended: reads an event that lacks its blank line, then says whether the stream was whole.
    pub fn close(&mut self) -> Close {
        let event = self.frames.close(self.dialect, &mut self.reader);
        self.note(event.as_ref());
        Close { event, complete: self.complete() }
    }

    /// Whether the stream came to its proper end: the end marker was seen, and no error.
    ///
    /// A marker alone proves nothing: vLLM sends `[DONE]` after an error, too.
    pub fn ended(&self) -> bool {
        self.marked && !self.failed
    }

    /// Whether the stream would be whole if it ended here: [`ended`](Self::ended), or all that the dialect needs for an
    /// end was seen, though something may follow (an error after Gemini's finish reason, OpenAI's `[DONE]`).
    pub fn complete(&self) -> bool {
        !self.failed && (self.marked || self.reader.as_dyn().finished())
    }

    #[inline]
    fn note(&mut self, event: Option<&Event>) {
        if let Some(event) = event {
            self.failed |= event.error.is_some();
            self.marked |= event.end;
        }
    }
}
