//! Decoding a stream, one event at a time.

use crate::{
    Close, Dialect, Event, anthropic, openai,
    sse::{Fields, Found, Framer},
};

/// The default limit of one event: far above what any provider sends (the largest carry audio or a whole tool call).
const MAX_EVENT: usize = 1024 * 1024;

/// Reads a stream of server-sent events in a dialect.
///
/// It takes bytes as they come, cut anywhere, and never fails: what is wrong with a stream is said by its events. Up to
/// the first content every event is parsed. After that, events are only searched for signs of something other than
/// content, and parsed if there are any, so that watching a stream costs next to nothing.
#[derive(Debug)]
pub struct Decoder {
    framer: Framer,
    reader: Reader,
    /// An event said that the provider failed.
    failed: bool,
    /// The end marker was seen.
    marked: bool,
}

#[derive(Debug)]
enum Reader {
    OpenAi(openai::Reader),
    Anthropic(anthropic::Reader),
}

impl Decoder {
    /// A decoder for the beginning of a stream.
    pub fn new(dialect: Dialect) -> Self {
        let reader = match dialect {
            Dialect::OpenAi => Reader::OpenAi(openai::Reader::default()),
            Dialect::Anthropic => Reader::Anthropic(anthropic::Reader::default()),
        };
        Decoder { framer: Framer::new(MAX_EVENT), reader, failed: false, marked: false }
    }

    /// Sets the limit of one event in bytes (default 1 MiB): the most that is ever buffered.
    ///
    /// An event that passes it is reported as [`too_long`](field@Event::too_long) when it does, without being read.
    /// Its rest is skipped, and reported as an event that says nothing when it ends.
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.framer.set_max(bytes);
        self
    }

    /// Takes from the front of `input` up to the end of the next event. `None`: all input was taken, more is needed.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Event> {
        let event = match self.framer.next(input)? {
            Found::Frame(frame) => self.reader.read(frame.fields()),
            Found::TooLong => Event::too_long(),
            Found::Skipped => Event::default(),
        };
        Some(self.note(event))
    }

    /// Bytes taken up to the end of the last event returned, counted from the beginning of the stream.
    ///
    /// The bytes between two positions are one event (with the blank lines before it), so a caller that passes the
    /// stream on can leave an event out.
    pub fn position(&self) -> u64 {
        self.framer.position()
    }

    /// The input ended: reads an event that lacks its blank line, then says whether the stream was whole.
    pub fn close(&mut self) -> Close {
        let event = self.framer.close().map(|frame| self.reader.read(frame.fields()));
        let event = event.map(|event| self.note(event));
        Close { event, complete: !self.failed && (self.marked || self.reader.finished()) }
    }

    /// Whether the stream came to its proper end: the end marker was seen, and no error.
    ///
    /// A marker alone proves nothing: vLLM sends `[DONE]` after an error, too.
    pub fn ended(&self) -> bool {
        self.marked && !self.failed
    }

    fn note(&mut self, event: Event) -> Event {
        self.failed |= event.error.is_some();
        self.marked |= event.end;
        event
    }
}

impl Reader {
    fn read(&mut self, fields: Fields<'_>) -> Event {
        let Some(bare) = fields.bare else {
            return self.data(fields.event, fields.data.as_deref().unwrap_or_default());
        };
        let mut event = fields.data.map_or_else(Event::default, |data| self.data(fields.event, &data));
        // JSON without its `data:` can only be an error: no client reads it as anything else.
        let error = self.data(fields.event, bare).error;
        event.malformed |= error.is_none();
        event.error = event.error.or(error);
        event
    }

    fn data(&mut self, name: Option<&[u8]>, data: &[u8]) -> Event {
        match self {
            Reader::OpenAi(reader) => reader.read(name, data),
            Reader::Anthropic(reader) => reader.read(name, data),
        }
    }

    /// Whether the dialect takes what was seen for an end, although the marker is missing.
    fn finished(&self) -> bool {
        match self {
            Reader::OpenAi(reader) => reader.finished(),
            Reader::Anthropic(_) => false,
        }
    }
}
