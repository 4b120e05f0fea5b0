//! A dialect of the user's own.

use std::fmt;

use buttress_call::Kind;
use http::StatusCode;

use crate::{Answer, Event};

/// A wire format, for APIs that speak none of the built-in dialects.
///
/// Put it into a `static` and use it as [`Dialect::Custom`](crate::Dialect::Custom). Framing, limits of buffers,
/// cutting at any byte, and the search for errors outside the frame are done for it: it only says what one frame means.
///
/// ```
/// use buttress_wire::{Decoder, Dialect, Event, EventReader, Form, Frame, Language};
///
/// /// One word a line, `.` at the end.
/// #[derive(Debug)]
/// struct Words;
///
/// impl Language for Words {
///     fn name(&self) -> &'static str {
///         "words"
///     }
///
///     fn form(&self) -> Form {
///         Form::Lines
///     }
///
///     fn reader(&self) -> Box<dyn EventReader> {
///         Box::new(WordReader)
///     }
/// }
///
/// #[derive(Debug)]
/// struct WordReader;
///
/// impl EventReader for WordReader {
///     fn read(&mut self, frame: Frame<'_>) -> Event {
///         let mut event = Event::default();
///         event.end = frame.data == b".";
///         event.content = !event.end;
///         event
///     }
/// }
///
/// let mut decoder = Decoder::new(Dialect::Custom(&Words));
/// let mut input: &[u8] = b"Hello\n.\n";
/// assert!(decoder.next(&mut input).is_some_and(|event| event.content));
/// assert!(decoder.next(&mut input).is_some_and(|event| event.end));
/// assert!(decoder.close().complete);
/// ```
pub trait Language: Send + Sync {
    /// Its name. Two languages of one name are taken for the same.
    fn name(&self) -> &'static str;

    /// How its streams are cut into frames.
    fn form(&self) -> Form {
        Form::ServerSentEvents
    }

    /// A reader for the beginning of a stream.
    fn reader(&self) -> Box<dyn EventReader>;

    /// Reads the whole body of a 200. Default: JSON is complete unless it has a top-level `error`, and tells no usage.
    fn answer(&self, body: &[u8]) -> Answer {
        Answer::of_json(body, |_| Answer::complete(None, None))
    }

    /// The kind of an error answer that its code does not tell. Default: what the status means to most.
    fn status(&self, status: StatusCode) -> Option<Kind> {
        Kind::from_status(status)
    }
}

impl fmt::Debug for dyn Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl PartialEq for dyn Language {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for dyn Language {}

impl std::hash::Hash for dyn Language {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

/// How a stream is cut into frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// Server-sent events. JSON that stands bare among them is shown to the reader, too, and counts only if it says
    /// that it finds an error.
    ServerSentEvents,
    /// A JSON value a line.
    Lines,
    /// Server-sent events, or the elements of one JSON array: the first byte tells.
    EventsOrArray,
    /// Amazon's binary event stream. Its exceptions are errors, and not shown to the reader.
    AmazonEventStream,
}

/// One frame of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// The event's name, where frames have one.
    pub name: Option<&'a [u8]>,
    /// The event's data: the `data:` lines, the line, the element, the payload.
    pub data: &'a [u8],
}

impl<'a> Frame<'a> {
    pub(crate) fn new(name: Option<&'a [u8]>, data: &'a [u8]) -> Self {
        Frame { name, data }
    }
}

/// Says what the frames of one stream mean, in turn.
pub trait EventReader: fmt::Debug + Send + Sync {
    /// Reads a frame.
    fn read(&mut self, frame: Frame<'_>) -> Event;

    /// The beginning (1 KiB) of a frame that is too long to be read. What it says is added to
    /// [`too_long`](field@Event::too_long). Default: nothing.
    fn read_head(&self, frame: Frame<'_>) -> Event {
        let _ = frame;
        Event::default()
    }

    /// Whether a stream that ends here, without an end marker and without an error, is whole. Default: no.
    fn finished(&self) -> bool {
        false
    }
}
