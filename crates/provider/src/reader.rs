//! Reads an answer's body and knows how it ended.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Progress};
use buttress_wire::{Answer, Decoder, Dialect, Event};
use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use pin_project_lite::pin_project;

use crate::{broken::Broken, hide::Hide, pieces::Pieces};

/// An answer's body on its way through the decoder. All of it lies in one box, whoever has it.
pub(crate) struct Reader<B>(Pin<Box<Reading<B>>>);

pin_project! {
    struct Reading<B> {
        // `None` once nothing more is wanted of it: it is dropped before anybody is told of the end.
        #[pin]
        source: Option<B>,
        state: State,
    }
}

/// What is known of the answer so far.
struct State {
    decoding: Decoding,
    progress: Progress,
    /// Read, but not passed on yet.
    held: Pieces,
    trailers: Option<HeaderMap>,
    /// Content has been read.
    content: bool,
    /// The end marker has been read, and no error before it.
    ended: bool,
}

/// What is known of the body's form.
#[expect(clippy::large_enum_variant, reason = "it lies in a box already")]
pub(crate) enum Decoding {
    /// Events of a dialect.
    Stream { decoder: Decoder, hide: Option<Hide> },
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
        let held = Pieces::default();
        let state = State { decoding, progress, held, trailers: None, content: false, ended: false };
        Reader(Box::pin(Reading { source: Some(source), state }))
    }

    /// Reads on.
    pub(crate) fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Step> {
        let mut this = self.0.as_mut().project();
        let state = this.state;
        let Some(source) = this.source.as_mut().as_pin_mut() else { return Poll::Ready(Step::End(Ok(()))) };
        let end = match ready!(source.poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => match state.decode(&data) {
                    // A body whose declared length is reached is not polled again by everybody.
                    Ok(()) if this.source.as_ref().as_pin_ref().is_some_and(|body| body.is_end_stream()) => {
                        state.close()
                    }
                    Ok(()) => return Poll::Ready(Step::Read),
                    Err(broken) => Err(broken),
                },
                Err(frame) => {
                    let Ok(trailers) = frame.into_trailers() else { return Poll::Ready(Step::Read) };
                    // Nothing comes after them, and nobody polls again to hear it.
                    state.trailers = Some(trailers);
                    state.close()
                }
            },
            // What breaks after the end marker breaks nothing.
            Some(Err(_)) if state.ended => Ok(()),
            Some(Err(error)) => Err(Broken::Transport(error.into())),
            None => state.close(),
        };
        this.source.set(None);
        if let Decoding::Stream { hide: Some(hide), .. } = &mut state.decoding {
            // Of an event that was cut in two the caller gets the half.
            hide.close(false, |rest| state.held.push(rest));
        }
        Poll::Ready(Step::End(end))
    }

    /// The bounds on the bytes still to come.
    pub(crate) fn size_hint(&self) -> http_body::SizeHint {
        let rest = match &self.0.source {
            Some(source) if self.is_verbatim() => source.size_hint(),
            Some(_) => http_body::SizeHint::default(),
            None => http_body::SizeHint::with_exact(0),
        };
        let held = self.held_bytes() as u64;
        let mut hint = http_body::SizeHint::new();
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(held)) {
            hint.set_upper(upper);
        }
        hint.set_lower(rest.lower().saturating_add(held));
        hint
    }
}

impl State {
    fn decode(&mut self, data: &Bytes) -> Result<(), Broken> {
        let (content_events, result) = match &mut self.decoding {
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
                match hide {
                    Some(hide) => hide.pass(data, |piece| self.held.push(piece)),
                    None => self.held.push(data.clone()),
                }
                (tally.content_events, tally.result)
            }
            Decoding::Whole(_) | Decoding::Opaque => {
                // Blank bytes in front are some providers' way to keep a connection alive.
                let content = !data.iter().all(u8::is_ascii_whitespace);
                self.content |= content;
                self.held.push(data.clone());
                // Of what nobody can look into, every piece is progress.
                let opaque = matches!(self.decoding, Decoding::Opaque);
                (u64::from(content && opaque), Ok(()))
            }
        };
        self.content |= content_events > 0;
        self.progress.mark_received(data.len() as u64, content_events);
        result
    }

    /// The source came to its end: was that the answer's?
    fn close(&mut self) -> Result<(), Broken> {
        match &mut self.decoding {
            Decoding::Stream { decoder, hide } => {
                let close = decoder.close();
                if let Some(hide) = hide {
                    let hidden = close.event.as_ref().is_some_and(|event| event.usage_only);
                    hide.close(hidden, |rest| self.held.push(rest));
                }
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
                result?;
                if !self.ended {
                    let empty = self.progress.bytes() == 0;
                    return Err(if empty { Broken::Empty } else { Broken::NoEndMarker });
                }
            }
            Decoding::Whole(dialect) => {
                let body = self.held.join();
                match buttress_wire::answer(*dialect, &body) {
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
}

impl<B> Reader<B> {
    fn state(&mut self) -> &mut State {
        self.0.as_mut().project().state
    }

    /// All that is held, as one piece; it stays held.
    pub(crate) fn join_held(&mut self) -> Bytes {
        self.state().held.join()
    }

    /// Gives up on looking at the whole: it is too long to be held.
    pub(crate) fn pass_through(&mut self) {
        let state = self.state();
        if let Decoding::Whole(_) = state.decoding {
            state.decoding = Decoding::Opaque;
        }
    }

    /// Takes the next piece that is held.
    pub(crate) fn take_held(&mut self) -> Option<Bytes> {
        self.state().held.pop()
    }

    pub(crate) fn take_trailers(&mut self) -> Option<HeaderMap> {
        self.state().trailers.take()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.0.state.held.len()
    }

    pub(crate) fn content(&self) -> bool {
        self.0.state.content
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.0.state.progress
    }

    /// Whether anybody can look into it.
    pub(crate) fn is_understood(&self) -> bool {
        !matches!(self.0.state.decoding, Decoding::Opaque)
    }

    /// Whether the bytes that come out are the bytes that came in.
    fn is_verbatim(&self) -> bool {
        !matches!(self.0.state.decoding, Decoding::Stream { hide: Some(_), .. })
    }

    pub(crate) fn is_exhausted(&self) -> bool {
        self.0.source.is_none() && self.held_bytes() == 0 && self.0.state.trailers.is_none()
    }

    /// Whether the answer's end marker has been read.
    pub(crate) fn ended(&self) -> bool {
        self.0.state.ended
    }

    /// Whether nothing is missing: the end marker has been read, or what stands for it where there is none.
    pub(crate) fn complete(&self) -> bool {
        let complete = |decoding: &Decoding| match decoding {
            Decoding::Stream { decoder, .. } => decoder.complete(),
            Decoding::Whole(_) | Decoding::Opaque => false,
        };
        self.ended() || complete(&self.0.state.decoding)
    }

    /// Drops the source: the connection is free, or closed, before anybody is told of the end.
    pub(crate) fn drop_source(&mut self) {
        self.0.as_mut().project().source.set(None);
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
