//! An answer's body: plays its script, in process or under hyper, and settles the call.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use crate::{
    SimError,
    call::Call,
    clock::after,
    gzip::Gzip,
    script::{Script, Step},
    text,
    wire::{Finish, Reply},
};

/// The body of a simulated answer. Dropping it before its end is what the provider sees as a cancelled call.
#[must_use]
pub struct SimBody {
    /// What is still to be sent.
    script: Script,
    telling: Option<Telling>,
    sleep: Option<Pin<Box<Sleep>>>,
    gzip: Option<Gzip>,
    /// Whether the length is known from the start.
    sized: bool,
}

/// The call whose answer a body is, with what is needed to put its tokens in events.
struct Telling {
    call: Call,
    reply: Option<Reply>,
    sent: u64,
}

impl SimBody {
    /// A body that settles no call, such as an error's.
    pub(crate) fn plain(bytes: Bytes) -> Self {
        let script = if bytes.is_empty() { Script::new() } else { [Step::Send(bytes)].into() };
        Self { script, telling: None, sleep: None, gzip: None, sized: true }
    }

    pub(crate) fn whole(call: Call, script: Script) -> Self {
        // A torn body has no length to tell, nor one that goes on for ever.
        let sized = script.iter().all(|step| matches!(step, Step::Send(_) | Step::End(_)));
        Self { script, telling: Some(Telling { call, reply: None, sent: 0 }), sleep: None, gzip: None, sized }
    }

    pub(crate) fn stream(call: Call, reply: Reply, script: Script) -> Self {
        let telling = Some(Telling { call, reply: Some(reply), sent: 0 });
        Self { script, telling, sleep: None, gzip: None, sized: false }
    }

    pub(crate) fn gzipped(mut self) -> Self {
        self.gzip = Some(Gzip::default());
        self.sized = false;
        self
    }

    /// The end belongs to the last byte: nobody need poll for it.
    fn settle(&mut self) {
        while let Some(Step::End(end)) = self.script.front() {
            if let Some(telling) = &mut self.telling {
                telling.call.end(*end);
            }
            self.script.pop_front();
        }
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>, until: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        sleep.as_mut().poll(cx)
    }

    fn send(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, SimError>>> {
        self.settle();
        Poll::Ready(Some(Ok(Frame::data(match &mut self.gzip {
            Some(gzip) => gzip.write(&bytes),
            None => bytes,
        }))))
    }

    /// The next token below `to`, `None` when there is none, or when to look again.
    fn next_token(&mut self, to: u64) -> Result<Option<Bytes>, Instant> {
        let Some(telling) = self.telling.as_mut().filter(|telling| telling.sent < to) else {
            return Ok(None);
        };
        let Some(generation) = telling.call.generate() else { return Ok(None) };
        if generation.ready_tokens() <= telling.sent {
            return Err(generation.next());
        }
        let Some(reply) = &telling.reply else { return Ok(None) };
        let text = text::token(telling.call.sim.seed, telling.sent);
        telling.sent += 1;
        let event = reply.speak.token(reply, &text, telling.sent);
        telling.call.sent(1);
        Ok(Some(event))
    }

    /// The finish reason, which may tell how long all took.
    fn finish(&self, finish: Finish) -> Option<Bytes> {
        let reply = self.telling.as_ref()?.reply.as_ref()?;
        Some(reply.speak.finish(reply, finish))
    }

    /// When to look again whether generation is complete.
    fn incomplete(&mut self) -> Option<Instant> {
        let generation = self.telling.as_mut()?.call.generate()?;
        (!generation.is_complete()).then(|| generation.next())
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = SimError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, SimError>>> {
        let this = &mut *self;
        loop {
            let Some(step) = this.script.pop_front() else {
                let trailer = this.gzip.take().map(|mut gzip| Ok(Frame::data(gzip.finish())));
                return Poll::Ready(trailer);
            };
            match step {
                Step::Send(bytes) => return this.send(bytes),
                Step::Tokens(to) => match this.next_token(to) {
                    Ok(Some(event)) => {
                        this.script.push_front(Step::Tokens(to));
                        return this.send(event);
                    }
                    Ok(None) => {}
                    Err(until) => {
                        this.script.push_front(Step::Tokens(to));
                        ready!(this.poll_sleep(cx, until));
                    }
                },
                Step::Finish(finish) => {
                    if let Some(bytes) = this.finish(finish) {
                        return this.send(bytes);
                    }
                }
                Step::Complete => {
                    if let Some(until) = this.incomplete() {
                        this.script.push_front(Step::Complete);
                        ready!(this.poll_sleep(cx, until));
                    }
                }
                Step::End(_) => {
                    this.script.push_front(step);
                    this.settle();
                }
                Step::Repeat { chunk, every, next } => {
                    let due = this.poll_sleep(cx, next).is_ready();
                    let next = if due { next + every } else { next };
                    this.script.push_front(Step::Repeat { chunk: chunk.clone(), every, next });
                    return if due { this.send(chunk) } else { Poll::Pending };
                }
                Step::Wait(delay) => this.script.push_front(Step::Until(after(Instant::now(), delay))),
                Step::Until(until) => {
                    this.script.push_front(Step::Until(until));
                    ready!(this.poll_sleep(cx, until));
                    this.script.pop_front();
                }
                Step::Flush => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Silence => {
                    this.script.push_front(Step::Silence);
                    return Poll::Pending;
                }
                Step::Tear => {
                    this.gzip = None;
                    let torn = this.telling.take();
                    return Poll::Ready(
                        torn.map(|mut torn| Err(torn.call.tear(io::ErrorKind::UnexpectedEof))),
                    );
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.script.is_empty() && self.gzip.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.sized {
            return SizeHint::default();
        }
        let length = |step: &Step| if let Step::Send(bytes) = step { bytes.len() as u64 } else { 0 };
        SizeHint::with_exact(self.script.iter().map(length).sum())
    }
}

impl fmt::Debug for SimBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimBody")
            .field("next", &self.script.front())
            .field("sent", &self.telling.as_ref().map(|telling| telling.sent))
            .finish_non_exhaustive()
    }
}
