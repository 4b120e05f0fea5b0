//! Who reads the stream.

use std::{
    convert::Infallible,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use buttress_wire::Decoder;
use eventsource_stream::Eventsource;
use futures_util::{Stream, stream};

use super::frames::Case;

/// Our decoder.
pub(super) const OURS: &str = "buttress";
/// The crate that most clients read server-sent events with.
pub(super) const PEER: &str = "eventsource-stream";

/// Reads a stream that comes in pieces.
pub(super) trait System {
    fn name(&self) -> &'static str;

    /// Reads on; says how many frames it saw, if it looks for them.
    fn pass(&mut self, pieces: &[&[u8]]) -> Option<usize>;
}

/// Those who can read the case, each after the stream's first content.
pub(super) fn of(case: &Case, start: &[u8]) -> Vec<Box<dyn System>> {
    let mut decoder = Decoder::new(case.dialect);
    let mut input = start;
    while decoder.next(&mut input).is_some() {}
    let mut systems: Vec<Box<dyn System>> = vec![Box::new(decoder)];
    if case.is_events() {
        systems.push(Box::new(EventSource));
    }
    systems.push(Box::new(Copy::default()));
    systems
}

impl System for Decoder {
    fn name(&self) -> &'static str {
        OURS
    }

    fn pass(&mut self, pieces: &[&[u8]]) -> Option<usize> {
        let mut content = 0;
        for piece in pieces {
            let mut input = *piece;
            while let Some(event) = self.next(&mut input) {
                content += usize::from(event.content && event.error.is_none());
            }
        }
        Some(content)
    }
}

/// It finds the events and their data, and does not look into them.
struct EventSource;

impl System for EventSource {
    fn name(&self) -> &'static str {
        PEER
    }

    fn pass(&mut self, pieces: &[&[u8]]) -> Option<usize> {
        let pieces = stream::iter(pieces.iter().map(|piece| Ok::<_, Infallible>(*piece)));
        let mut events = pin!(pieces.eventsource());
        let mut context = Context::from_waker(Waker::noop());
        let mut count = 0;
        while let Poll::Ready(Some(event)) = events.as_mut().poll_next(&mut context) {
            count += usize::from(black_box(event).is_ok());
        }
        Some(count)
    }
}

/// The bytes copied, and nothing else.
#[derive(Default)]
struct Copy {
    to: Vec<u8>,
}

impl System for Copy {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn pass(&mut self, pieces: &[&[u8]]) -> Option<usize> {
        for piece in pieces {
            self.to.clear();
            self.to.extend_from_slice(black_box(piece));
            black_box(&self.to);
        }
        None
    }
}
