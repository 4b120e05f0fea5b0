//! The frames of a stream, and what each is to its reader.

use buttress_call::Kind;

use crate::{
    ApiError, Dialect, Event, Form, Frame,
    framing::{
        Cut, Element, Found, Framer, Line,
        message::{self, Message},
        sse::{self, Fields},
    },
    reader::Reader,
};

/// The frames of a stream, by its form.
#[derive(Debug)]
pub(super) enum Frames {
    Events(Framer<sse::Scan>),
    Lines(Framer<Line>),
    /// Events or an array: nothing has come yet.
    Undecided(Framer<sse::Scan>),
    Array(Framer<Element>),
    Messages(Framer<message::Scan>),
}

impl Frames {
    pub(super) fn new(form: Form, max: usize) -> Self {
        match form {
            Form::ServerSentEvents => Frames::Events(Framer::new(max)),
            Form::Lines => Frames::Lines(Framer::new(max)),
            Form::EventsOrArray => Frames::Undecided(Framer::new(max)),
            Form::AmazonEventStream => Frames::Messages(Framer::new(max)),
        }
    }

    pub(super) fn set_max(&mut self, max: usize) {
        match self {
            Frames::Events(framer) | Frames::Undecided(framer) => framer.set_max(max),
            Frames::Lines(framer) => framer.set_max(max),
            Frames::Array(framer) => framer.set_max(max),
            Frames::Messages(framer) => framer.set_max(max),
        }
    }

    pub(super) fn position(&self) -> u64 {
        match self {
            Frames::Events(framer) | Frames::Undecided(framer) => framer.position(),
            Frames::Lines(framer) => framer.position(),
            Frames::Array(framer) => framer.position(),
            Frames::Messages(framer) => framer.position(),
        }
    }

    pub(super) fn next(&mut self, input: &mut &[u8], dialect: Dialect, reader: &mut Reader) -> Option<Event> {
        if let Frames::Undecided(framer) = self {
            // Taken by themselves, blanks are the same to the framer however the stream is split.
            let rest = input.trim_ascii_start().len();
            let mut blanks = &input[..input.len() - rest];
            let event = next(framer, &mut blanks, dialect, reader);
            *input = &input[input.len() - rest - blanks.len()..];
            if event.is_some() {
                return event;
            }
            self.decide(input);
        }
        match self {
            Frames::Events(framer) | Frames::Undecided(framer) => next(framer, input, dialect, reader),
            Frames::Lines(framer) => next(framer, input, dialect, reader),
            Frames::Array(framer) => next(framer, input, dialect, reader),
            Frames::Messages(framer) => next(framer, input, dialect, reader),
        }
    }

    pub(super) fn close(&mut self, dialect: Dialect, reader: &mut Reader) -> Option<Event> {
        match self {
            Frames::Events(framer) | Frames::Undecided(framer) => close(framer, dialect, reader),
            Frames::Lines(framer) => close(framer, dialect, reader),
            Frames::Array(framer) => close(framer, dialect, reader),
            Frames::Messages(framer) => close(framer, dialect, reader),
        }
    }

    /// The first byte that is not blank tells an array from events.
    fn decide(&mut self, input: &[u8]) {
        let Frames::Undecided(framer) = self else { return };
        match input.first() {
            None => {}
            Some(b'[') => *self = Frames::Array(Framer::after(framer)),
            Some(_) => *self = Frames::Events(std::mem::replace(framer, Framer::new(0))),
        }
    }
}

fn next<C: Means>(
    framer: &mut Framer<C>,
    input: &mut &[u8],
    dialect: Dialect,
    reader: &mut Reader,
) -> Option<Event> {
    match framer.next(input)? {
        Found::Whole(bytes, cut) => Some(cut.read(bytes, dialect, reader)),
        Found::TooLong(head) => Some(Event { too_long: true, ..C::read_head(head, reader) }),
        Found::Skipped => Some(Event::default()),
    }
}

fn close<C: Means>(framer: &mut Framer<C>, dialect: Dialect, reader: &mut Reader) -> Option<Event> {
    framer.close().map(|(bytes, cut)| cut.read(bytes, dialect, reader))
}

/// How the bytes that were cut out become a frame.
trait Means: Cut {
    fn read(&self, bytes: &[u8], dialect: Dialect, reader: &mut Reader) -> Event;

    fn read_head(head: &[u8], reader: &Reader) -> Event {
        reader.as_dyn().read_head(Frame::new(None, head))
    }
}

impl Means for sse::Scan {
    fn read(&self, bytes: &[u8], _: Dialect, reader: &mut Reader) -> Event {
        let Fields { event: name, data, bare } = sse::fields(bytes, self.lines());
        let Some(bare) = bare else {
            return reader.read(Frame::new(name, data.as_deref().unwrap_or_default()));
        };
        let mut event = data.map_or_else(Event::default, |data| reader.read(Frame::new(name, &data)));
        // JSON without its `data:` can only be an error: no client reads it as anything else.
        let error = reader.read(Frame::new(name, bare)).error;
        event.malformed |= error.is_none();
        event.error = event.error.or(error);
        event
    }

    fn read_head(head: &[u8], reader: &Reader) -> Event {
        let Fields { event: name, data, .. } = sse::fields_of_head(head);
        reader.as_dyn().read_head(Frame::new(name, data.as_deref().unwrap_or_default()))
    }
}

impl Means for Line {
    fn read(&self, bytes: &[u8], _: Dialect, reader: &mut Reader) -> Event {
        reader.read(Frame::new(None, bytes.trim_ascii_end()))
    }
}

impl Means for Element {
    fn read(&self, bytes: &[u8], _: Dialect, reader: &mut Reader) -> Event {
        reader.read(Frame::new(None, bytes.trim_ascii_end()))
    }
}

impl Means for message::Scan {
    fn read(&self, bytes: &[u8], dialect: Dialect, reader: &mut Reader) -> Event {
        let broken = |what| {
            // The caller's own client refuses it, too.
            let error = Event::failed(ApiError::new(Kind::Broken, None, what));
            Event { malformed: true, ..error }
        };
        if self.lost() {
            return broken("the lengths of a message of the event stream are wrong");
        }
        match Message::read(bytes) {
            Ok(Message::Event { name, payload }) => reader.read(Frame::new(Some(name), payload)),
            Ok(Message::Exception { name, payload }) => {
                Event::failed(ApiError::named(dialect, name, payload))
            }
            Ok(Message::Error { code, message }) => Event::failed(ApiError::named(dialect, code, message)),
            Err(what) => broken(what),
        }
    }

    /// The message's type stands in its headers; none that matters is too long.
    fn read_head(_: &[u8], _: &Reader) -> Event {
        Event::default()
    }
}
