//! Reads an answer's body and knows how it ended.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Progress};
use buttress_wire::{Answer, Decoder, Dialect, Event};
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body;

use crate::{broken::Broken, hide::Hide};

/// Up to here a piece is small.
const SMALL_PIECE: usize = 1 << 10;
/// So many pieces are held as they came, however small.
const PIECES: usize = 32;

/// An answer's body on its way through the decoder.
pub(crate) struct Reader<B> {
    /// `None` once nothing more is wanted of it: it is dropped before anybody is told of the end.
    source: Option<Pin<Box<B>>>,
    decoding: Decoding,
    progress: Progress,
    /// Read, but not passed on yet.
    held: VecDeque<Bytes>,
    /// What came after that in small pieces. Kept apart, a piece costs more than its few bytes.
    gathered: BytesMut,
    held_bytes: usize,
    trailers: Option<HeaderMap>,
    /// Content has been read.
    content: bool,
    /// The end marker has been read, and no error before it.
    ended: bool,
}

/// What is known of the body's form.
pub(crate) enum Decoding {
    /// Events of a dialect.
    Stream { decoder: Box<Decoder>, hide: Option<Hide> },
    /// One JSON value, to be looked at when all of it is there.
    Whole(Dialect),
    /// Nothing: the transport decides the end.
    Opaque,
}

/// One step of reading.
pub(crate) enum Step {
    /// Bytes were read, and are held.
    Read,
    /// The body came to its end, good or bad; there is nothing more to read.
    End(Result<(), Broken>),
}

impl<B> Reader<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    pub(crate) fn new(source: B, decoding: Decoding, progress: Progress) -> Self {
        Reader {
            source: Some(Box::pin(source)),
            decoding,
            progress,
            held: VecDeque::new(),
            gathered: BytesMut::new(),
            held_bytes: 0,
            trailers: None,
            content: false,
            ended: false,
        }
    }

    /// Reads on.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let Some(source) = &mut self.source else { return Poll::Ready(Step::End(Ok(()))) };
        let end = match ready!(source.as_mut().poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => match self.decode(&data) {
                    // A body whose declared length is reached is not polled again by everybody.
                    Ok(()) if self.source.as_ref().is_some_and(Body::is_end_stream) => self.close(),
                    Ok(()) => return Poll::Ready(Step::Read),
                    Err(broken) => Err(broken),
                },
                Err(frame) => {
                    let Ok(trailers) = frame.into_trailers() else { return Poll::Ready(Step::Read) };
                    // Nothing comes after them, and nobody polls again to hear it.
                    self.trailers = Some(trailers);
                    self.close()
                }
            },
            // What breaks after the end marker breaks nothing.
            Some(Err(_)) if self.ended => Ok(()),
            Some(Err(error)) => Err(Broken::Transport(error.into())),
            None => self.close(),
        };
        self.source = None;
        if let Decoding::Stream { hide: Some(hide), .. } = &mut self.decoding {
            // Of an event that was cut in two the caller gets the half.
            let rest = hide.close(false);
            self.hold(rest);
        }
        Poll::Ready(Step::End(end))
    }

    fn decode(&mut self, data: &Bytes) -> Result<(), Broken> {
        let (content_events, result, pass) = match &mut self.decoding {
            Decoding::Stream { decoder, hide } => {
                let mut tally = Tally::new(&self.progress, self.content, self.ended);
                let mut input = &data[..];
                while let Some(event) = decoder.next(&mut input) {
                    tally.add(&event);
                    tally.ended |= decoder.ended();
                    if let Some(hide) = hide {
                        hide.event(decoder.position(), event.usage_only);
                    }
                }
                self.ended = tally.ended;
                let pass = hide.as_mut().map_or_else(|| data.clone(), |hide| hide.pass(data));
                (tally.content_events, tally.result, pass)
            }
            Decoding::Whole(_) | Decoding::Opaque => {
                // Blank bytes in front are some providers' way to keep a connection alive.
                let content = !data.iter().all(u8::is_ascii_whitespace);
                self.content |= content;
                // Of what nobody can look into, every piece is progress.
                let opaque = matches!(self.decoding, Decoding::Opaque);
                (u64::from(content && opaque), Ok(()), data.clone())
            }
        };
        self.content |= content_events > 0;
        self.progress.mark_received(data.len() as u64, content_events);
        self.hold(pass);
        result
    }

    /// The source came to its end: was that the answer's?
    fn close(&mut self) -> Result<(), Broken> {
        match &mut self.decoding {
            Decoding::Stream { decoder, hide } => {
                let close = decoder.close();
                let rest =
                    hide.as_mut().map(|hide| hide.close(close.event.as_ref().is_some_and(|e| e.usage_only)));
                let mut tally = Tally::new(&self.progress, self.content, self.ended);
                if let Some(event) = &close.event {
                    tally.add(event);
                }
                let Tally { content_events, result, .. } = tally;
                self.content |= content_events > 0;
                if content_events > 0 {
                    self.progress.mark_received(0, content_events);
                }
                self.ended |= close.complete;
                if let Some(rest) = rest {
                    self.hold(rest);
                }
                result?;
                if !self.ended {
                    let empty = self.progress.bytes() == 0;
                    return Err(if empty { Broken::Empty } else { Broken::NoEndMarker });
                }
            }
            Decoding::Whole(dialect) => {
                let dialect = *dialect;
                let body = self.join_held();
                match buttress_wire::answer(dialect, &body) {
                    Answer::Complete { usage: Some(usage), .. } => self.progress.set_usage(usage),
                    Answer::Error(error) => return Err(Broken::Api(Box::new(error))),
                    Answer::Broken(_) if body.trim_ascii().is_empty() => return Err(Broken::Empty),
                    Answer::Broken(reason) => return Err(Broken::Malformed(reason)),
                    _ => {}
                }
                self.ended = true;
            }
            Decoding::Opaque => self.ended = true,
        }
        Ok(())
    }

    fn hold(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        self.held_bytes += data.len();
        if data.len() < SMALL_PIECE && (self.held.len() >= PIECES || !self.gathered.is_empty()) {
            self.gathered.extend_from_slice(&data);
            return;
        }
        if !self.gathered.is_empty() {
            self.held.push_back(self.gathered.split().freeze());
        }
        self.held.push_back(data);
    }

    /// All that is held, as one piece; it stays held.
    pub(crate) fn join_held(&mut self) -> Bytes {
        if self.held.len() > 1 || !self.gathered.is_empty() {
            let mut joined = BytesMut::with_capacity(self.held_bytes);
            for piece in self.held.drain(..) {
                joined.extend_from_slice(&piece);
            }
            joined.extend_from_slice(&std::mem::take(&mut self.gathered));
            self.held.push_back(joined.freeze());
        }
        self.held.front().cloned().unwrap_or_default()
    }

    /// Gives up on looking at the whole: it is too long to be held.
    pub(crate) fn pass_through(&mut self) {
        if let Decoding::Whole(_) = self.decoding {
            self.decoding = Decoding::Opaque;
        }
    }

    /// Takes the next piece that is held.
    pub(crate) fn take_held(&mut self) -> Option<Bytes> {
        let gathered = || (!self.gathered.is_empty()).then(|| self.gathered.split().freeze());
        let piece = self.held.pop_front().or_else(gathered)?;
        self.held_bytes -= piece.len();
        Some(piece)
    }

    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.trailers.take()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    pub(crate) fn content(&self) -> bool {
        self.content
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Whether anybody can look into it.
    pub(crate) fn is_understood(&self) -> bool {
        !matches!(self.decoding, Decoding::Opaque)
    }

    /// Whether the bytes that come out are the bytes that came in.
    pub(crate) fn is_verbatim(&self) -> bool {
        !matches!(self.decoding, Decoding::Stream { hide: Some(_), .. })
    }

    /// The bounds on the bytes still to come.
    pub(crate) fn size_hint(&self) -> http_body::SizeHint {
        let rest = match &self.source {
            Some(source) if self.is_verbatim() => source.size_hint(),
            Some(_) => http_body::SizeHint::default(),
            None => http_body::SizeHint::with_exact(0),
        };
        let held = self.held_bytes as u64;
        let mut hint = http_body::SizeHint::new();
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
            hint.set_upper(upper);
        }
        hint.set_lower(rest.lower().saturating_add(held));
        hint
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.source.is_none() && self.held_bytes == 0 && self.trailers.is_none()
    }
}

impl<B> Reader<B> {
    /// Whether the answer's end marker has been read.
    pub(crate) fn ended(&self) -> bool {
        self.ended
    }

    /// Whether nothing is missing: the end marker has been read, or what stands for it where there is none.
    pub(crate) fn complete(&self) -> bool {
        let complete = |decoding: &Decoding| match decoding {
            Decoding::Stream { decoder, .. } => decoder.complete(),
            Decoding::Whole(_) | Decoding::Opaque => false,
        };
        self.ended || complete(&self.decoding)
    }

    /// Drops the source: the connection is free, or closed, before anybody is told of the end.
    pub(crate) fn drop_source(&mut self) {
        self.source = None;
    }
}

/// What the events of one piece of input add up to.
struct Tally<'a> {
    progress: &'a Progress,
    content_before: bool,
    /// The end marker was seen: what comes after it decides nothing any more.
    ended: bool,
    content_events: u64,
    result: Result<(), Broken>,
}

impl<'a> Tally<'a> {
    fn new(progress: &'a Progress, content_before: bool, ended: bool) -> Self {
        Tally { progress, content_before, ended, content_events: 0, result: Ok(()) }
    }

    fn add(&mut self, event: &Event) {
        // What follows an error is no answer any more.
        self.content_events += u64::from(event.content && self.result.is_ok());
        if let Some(usage) = event.usage {
            self.progress.set_usage(usage);
        }
        if self.result.is_ok() && !self.ended {
            if let Some(error) = &event.error {
                self.result = Err(Broken::Api(error.clone()));
            } else if event.too_long && !self.content_before && self.content_events == 0 {
                self.result = Err(Broken::EventTooLong);
            }
        }
    }
}
