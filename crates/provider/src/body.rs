//! The body that knows how its answer ended.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use buttress_call::{BoxError, Completion, Ender, Outcome};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use crate::{
    endpoint::Endpoint,
    reader::{Reader, Step},
};

/// How long the transport may take to end after the answer's end marker. Its own end frees the connection for the
/// next call; a server that keeps it open must not keep the caller waiting.
const LINGER: Duration = Duration::from_millis(500);

/// An answer's body: the bytes as they came, and at their end the verdict, told to the response's
/// [`Completion`].
///
/// The verdict is the decoder's, not the transport's. Dropped, ended, or not polled any more after the dialect's end
/// marker, the call is a success; dropped before it, it is cancelled; ended before it, the body yields an error and
/// the call failed. The client's own body is dropped before the completion fires.
pub struct ProviderBody<B> {
    reader: Reader<B>,
    provider: Arc<Endpoint>,
    ender: Option<Ender>,
    /// What the caller gets after the bytes that are still held.
    error: Option<BoxError>,
    linger: Option<Pin<Box<Sleep>>>,
}

impl<B> ProviderBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    /// The body of an answer that is let through, and its completion. A `finished` answer is all held, and has ended.
    pub(crate) fn new(reader: Reader<B>, provider: Arc<Endpoint>, finished: bool) -> (Self, Completion) {
        let progress = reader.progress().clone();
        let (completion, ender) = Completion::pair_with_charging(progress, provider.charging);
        let mut body = ProviderBody { reader, provider, ender: Some(ender), error: None, linger: None };
        if finished {
            body.finish(Outcome::Success);
        }
        (body, completion)
    }

    /// Reads one step. `Ready` once something is held or all is over.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.reader.poll_step(cx) {
            Poll::Ready(Step::Read) => Poll::Ready(()),
            Poll::Ready(Step::End(Ok(()))) => {
                self.finish(Outcome::Success);
                Poll::Ready(())
            }
            Poll::Ready(Step::End(Err(broken))) => {
                let usage = self.reader.progress().usage();
                let error = if self.reader.content() {
                    broken.after_content(&self.provider, usage)
                } else {
                    broken.before_content(&self.provider).with_usage(usage)
                };
                let failure = error.failure();
                self.error = Some(error.into());
                self.finish(Outcome::Failure(failure));
                Poll::Ready(())
            }
            Poll::Pending if self.reader.ended() => {
                let linger = self.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
                ready!(linger.as_mut().poll(cx));
                self.finish(Outcome::Success);
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn next_held(&mut self, cx: &mut Context<'_>) -> Option<Frame<Bytes>> {
        let data = self.reader.take_held()?;
        // Many callers stop at the end marker. The transport's own end mostly lies right behind it; seeing it now
        // gives the connection back and tells the end without another poll.
        if self.reader.ended() && self.ender.is_some() && self.reader.held_bytes() == 0 {
            let _ = self.poll_read(cx);
        }
        Some(Frame::data(data))
    }
}

impl<B> ProviderBody<B> {
    fn finish(&mut self, outcome: Outcome) {
        self.linger = None;
        self.reader.drop_source();
        if let Some(ender) = self.ender.take() {
            ender.end(outcome);
        }
    }
}

impl<B> Body for ProviderBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            if let Some(frame) = this.next_held(cx) {
                return Poll::Ready(Some(Ok(frame)));
            }
            if let Some(trailers) = this.reader.take_trailers() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            if let Some(error) = this.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            if this.reader.is_exhausted() {
                return Poll::Ready(None);
            }
            ready!(this.poll_read(cx));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.error.is_none() && self.reader.is_exhausted()
    }

    fn size_hint(&self) -> SizeHint {
        if self.error.is_some() { SizeHint::default() } else { self.reader.size_hint() }
    }
}

impl<B> Drop for ProviderBody<B> {
    fn drop(&mut self) {
        if self.reader.complete() {
            self.finish(Outcome::Success);
        } else {
            // First the source, then the ender: it says cancelled, or whatever somebody blamed.
            self.reader.drop_source();
        }
    }
}

impl<B> fmt::Debug for ProviderBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderBody").field("provider", &self.provider.name).finish_non_exhaustive()
    }
}
