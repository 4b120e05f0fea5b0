//! The body of a limited call.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use buttress_call::{BoxError, Completion, Error, Failure, Outcome, Progress};
use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::{
    Phase,
    alarm::Alarm,
    meter::Meter,
    vigil::{Due, Vigil},
    watch::Head,
};

pin_project! {
    /// A body that fails when a stream goes silent or the deadline is over.
    ///
    /// It then blames the call's completion, drops the inner body, which closes the connection, and yields an
    /// [`Error`](buttress_call::Error) as its last frame. It may be dropped at any point.
    pub struct TimeoutBody<B> {
        // `None` once it was given up.
        #[pin]
        inner: Option<B>,
        watcher: Watcher,
    }
}

/// All of the body but the bytes.
#[derive(Debug)]
struct Watcher {
    vigil: Vigil,
    completion: Option<Completion>,
    good: bool,
    /// As many as there were at the last look.
    content_events: u64,
    /// As many as came, if nobody else counts them.
    bytes: u64,
    meter: Option<Meter>,
    alarm: Alarm,
}

impl<B: Body> TimeoutBody<B> {
    pub(crate) fn new(body: B, head: Head, vigil: Vigil, alarm: Alarm) -> Self {
        let mut watcher = Watcher::new(head, vigil, alarm);
        if body.is_end_stream() {
            watcher.end();
        }
        TimeoutBody { inner: Some(body), watcher }
    }
}

impl Watcher {
    fn new(Head { completion, good }: Head, mut vigil: Vigil, alarm: Alarm) -> Self {
        // The clock of the attempt whose answer this is; the call's own may show a later attempt.
        let theirs = completion.as_ref().map(Completion::progress);
        let theirs = theirs.or(vigil.progress().filter(|_| vigil.sent_at().is_some())).cloned();
        let content_events = theirs.as_ref().map_or(0, Progress::content_events);
        vigil.follow(theirs);
        let meter = match vigil.time_to_first_content().filter(|_| vigil.is_stream()) {
            Some(took) => {
                if good {
                    vigil.record(took);
                }
                idle(&vigil)
            }
            None => vigil.limit().map(|limit| Meter::new(vigil.phase(), limit, vigil.age())),
        };
        Watcher { vigil, completion, good, content_events, bytes: 0, meter, alarm }
    }

    fn received<D: Buf>(&mut self, frame: &Frame<D>) {
        let content_events = if let Some(progress) = self.vigil.progress() {
            progress.content_events()
        } else {
            // Nobody decodes, so each data frame counts as content.
            let bytes = frame.data_ref().map_or(0, Buf::remaining) as u64;
            self.bytes += bytes;
            self.content_events + u64::from(bytes > 0)
        };
        if self.vigil.is_stream() && content_events != self.content_events {
            self.content_events = content_events;
            if let Some(meter) = &self.meter
                && meter.phase == Phase::FirstContent
                && self.good
            {
                self.vigil.record(meter.spent());
            }
            self.meter = idle(&self.vigil);
        } else if let Some(meter) = &mut self.meter {
            meter.pause();
        }
    }

    /// The inner body ended by itself.
    fn end(&mut self) {
        let failed = self.ended().is_some_and(|outcome| !outcome.is_success());
        if let Some(meter) = self.meter.take()
            && meter.phase == Phase::Answer
            && self.good
            && !failed
        {
            self.vigil.record(meter.spent());
        }
    }

    fn ended(&self) -> Option<Outcome> {
        Some(self.completion.as_ref()?.ended()?.outcome)
    }

    /// Ready with the limit that is over.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Due> {
        let narrow = self.meter.as_mut().and_then(Meter::wait);
        let Some(due) = Due::or_earlier(narrow, self.vigil.deadline()) else { return Poll::Pending };
        self.alarm.poll_until(due.at, cx).map(|()| due)
    }

    /// Says why the inner body is about to be dropped, should its answer not be whole by then.
    fn blame(&self, due: Due) {
        if let Some(completion) = &self.completion {
            completion.blame(Failure::new(due.phase.kind()));
        }
    }

    /// The error that a body, now dropped, ends with: none if its answer was whole, and only the connection stayed open.
    fn give_up(&mut self, due: Due) -> Option<Error> {
        if self.ended().is_some_and(|outcome| outcome.is_success()) {
            return None;
        }
        if let Some(meter) = self.meter.take() {
            self.vigil.record_cut_off(due, meter.spent());
        }
        Some(self.vigil.elapsed(due, self.bytes))
    }
}

fn idle(vigil: &Vigil) -> Option<Meter> {
    vigil.idle().map(|limit| Meter::new(Phase::Idle, limit, Duration::ZERO))
}

impl<B> Body for TimeoutBody<B>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let mut this = self.project();
        let watcher = this.watcher;
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        // The inner body first: what has arrived is never late.
        match inner.as_mut().poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                watcher.received(&frame);
                // An HTTP client does not poll on once a length is reached.
                if inner.is_end_stream() {
                    watcher.end();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                watcher.end();
                Poll::Ready(None)
            }
            Poll::Pending => {
                let due = ready!(watcher.poll_over(cx));
                watcher.blame(due);
                // The body knows the end of the call. Dropped now, it tells it before the caller hears of it.
                this.inner.set(None);
                Poll::Ready(watcher.give_up(due).map(|error| Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> fmt::Debug for TimeoutBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeoutBody").field("watcher", &self.watcher).finish_non_exhaustive()
    }
}
