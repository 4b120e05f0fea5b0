//! The probe's body.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use buttress_call::{BoxError, Completion, Ender, Kind, Outcome, Progress};
use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use super::{Alive, END, Piece, Shared, TOKEN, failure, rehearsed_panic};

/// A body that follows a script. It tells the end as the provider layer does, if the probe plays that part.
#[derive(Debug)]
pub struct ProbeBody {
    pieces: Vec<Piece>,
    at: usize,
    waiting: Option<Pin<Box<Sleep>>>,
    shared: Arc<Shared>,
    /// Gone before anybody is told of the end.
    alive: Option<Alive>,
    told: Option<Told>,
}

#[derive(Debug)]
struct Told {
    progress: Progress,
    completion: Completion,
    ender: Option<Ender>,
    complete: bool,
}

impl ProbeBody {
    pub(super) fn new(pieces: Vec<Piece>, shared: Arc<Shared>, progress: Option<Progress>) -> Self {
        let alive = Some(Alive::new(shared.counts.bodies()));
        let told = progress.map(|progress| {
            let (completion, ender) = Completion::pair(progress.clone());
            Told { progress, completion, ender: Some(ender), complete: false }
        });
        ProbeBody { pieces, at: 0, waiting: None, shared, alive, told }
    }

    pub(super) fn completion(&self) -> Option<&Completion> {
        self.told.as_ref().map(|told| &told.completion)
    }

    fn data(&mut self, data: Bytes) -> Frame<Bytes> {
        if let Some(told) = &mut self.told {
            told.progress.mark_received(data.len() as u64, u64::from(data == TOKEN));
            told.complete |= data == END;
        }
        Frame::data(data)
    }

    /// Tells the end; `otherwise` if the end marker was not seen.
    fn end(&mut self, otherwise: Option<Kind>) {
        self.alive = None;
        let Some(Told { ender, complete, .. }) = &mut self.told else { return };
        match (ender.take(), otherwise) {
            (Some(ender), _) if *complete => ender.end(Outcome::Success),
            (Some(ender), Some(kind)) => ender.end(kind.into()),
            (ender, _) => drop(ender),
        }
    }
}

impl Body for ProbeBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let at = self.at;
            match self.pieces.get(at).cloned() {
                Some(Piece::Bytes(data)) => {
                    self.at += 1;
                    return Poll::Ready(Some(Ok(self.data(data))));
                }
                Some(Piece::Endless(data)) => return Poll::Ready(Some(Ok(self.data(data)))),
                Some(Piece::After(time)) => {
                    let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(time)));
                    ready!(waiting.as_mut().poll(cx));
                    self.waiting = None;
                    self.at += 1;
                }
                Some(Piece::Gated) => {
                    ready!(self.shared.gate.poll(cx));
                    self.at += 1;
                }
                Some(Piece::Never) => return Poll::Pending,
                Some(Piece::Cut) => {
                    self.end(Some(Kind::Broken));
                    self.at = usize::MAX;
                    return Poll::Ready(Some(Err(failure(Kind::Broken))));
                }
                Some(Piece::Panics) => rehearsed_panic(),
                None => {
                    self.end(Some(Kind::Broken));
                    return Poll::Ready(None);
                }
            }
        }
    }
}

impl Drop for ProbeBody {
    fn drop(&mut self) {
        self.end(None);
    }
}
