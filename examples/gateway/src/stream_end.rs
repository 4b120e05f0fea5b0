//! How a stream ends whose provider broke it off.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress::{
    BoxError,
    wire::{Decoder, Dialect},
};
use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::errors;

/// What is held of an event that is not whole yet. A longer one passes as it comes.
const MAX_HELD: usize = 64 << 10;

pin_project! {
    /// A stream that ends in an error event if it breaks, never as if it were whole.
    ///
    /// The head has long been sent by then, and clients take the end of a body for the end of an answer. So the caller
    /// gets an event with an error, in OpenAI's dialect, and no `[DONE]`.
    ///
    /// Events pass when they are whole: the half of one that broke off would spoil the event that comes after it.
    pub(crate) struct StreamEnd<B> {
        #[pin]
        body: B,
        events: Events,
        ended: bool,
    }
}

impl<B> StreamEnd<B> {
    pub(crate) fn new(body: B) -> Self {
        StreamEnd { body, events: Events::default(), ended: false }
    }
}

impl<B> Body for StreamEnd<B>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        while !*this.ended {
            let pass = match ready!(this.body.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.events.pass(data),
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => {
                    *this.ended = true;
                    tracing::warn!(%error, "a stream broke after its head was sent");
                    this.events.broken(&error)
                }
                None => {
                    *this.ended = true;
                    this.events.held.split().freeze()
                }
            };
            if !pass.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(pass))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.ended || (self.body.is_end_stream() && self.events.held.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

impl<B> fmt::Debug for StreamEnd<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEnd").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// Where the events of a stream end.
struct Events {
    decoder: Decoder,
    /// The beginning of an event that is not whole yet.
    held: BytesMut,
    /// Bytes that have come.
    seen: u64,
    /// The beginning of an event was passed on, because it is too long to be held.
    torn: bool,
    /// The provider has said itself what went wrong.
    told: bool,
}

impl Default for Events {
    fn default() -> Self {
        let decoder = Decoder::new(Dialect::OpenAi).max_event(MAX_HELD);
        Events { decoder, held: BytesMut::new(), seen: 0, torn: false, told: false }
    }
}

impl Events {
    /// What may pass, now that this has come.
    fn pass(&mut self, data: Bytes) -> Bytes {
        let mut input = &data[..];
        while let Some(event) = self.decoder.next(&mut input) {
            self.told |= event.error.is_some();
            // Until the decoder says that it is over.
            self.torn = event.too_long;
        }
        self.seen += data.len() as u64;
        let partial = if self.torn { 0 } else { self.seen - self.decoder.position() };
        if partial == 0 && self.held.is_empty() {
            // The rule: whole events. They pass as they are.
            return data;
        }
        self.hold(data, usize::try_from(partial).unwrap_or(usize::MAX))
    }

    /// Holds the last bytes, as many as are of an event that is not whole yet.
    #[cold]
    fn hold(&mut self, mut data: Bytes, partial: usize) -> Bytes {
        let rest = data.split_off(data.len().saturating_sub(partial));
        if !self.held.is_empty() && !data.is_empty() {
            self.held.extend_from_slice(&data);
            data = self.held.split().freeze();
        }
        self.held.extend_from_slice(&rest);
        data
    }

    /// The end of a stream that broke.
    fn broken(&mut self, error: &BoxError) -> Bytes {
        self.held.clear();
        if self.told {
            return Bytes::new();
        }
        let kind = buttress::call::failure(error).kind;
        let code = buttress::find(error).and_then(buttress::Error::code);
        let event = errors::object(&error.to_string(), kind.as_str(), code);
        // An empty line ends the event that was torn, whose rest will not come.
        format!("{}data: {event}\n\n", if self.torn { "\n\n" } else { "" }).into()
    }
}
