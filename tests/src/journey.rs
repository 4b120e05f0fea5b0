//! One call, from readiness to the last byte, polled by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use buttress_call::{BoxError, Completion, Ended, Kind, failure};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body::Body;
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use tokio::time::Instant;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use crate::probe::Request;

/// The answers of the tests, whatever the layers made of their bodies.
pub type Response = http::Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A layer around probes, with all else about it forgotten.
pub type Client = BoxCloneSyncService<Request, Response, BoxError>;

/// Forgets what an HTTP stack is made of.
pub fn erase<S, B>(stack: S) -> Client
where
    S: Service<Request, Response = http::Response<B>, Future: Send> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let boxed = stack.map_response(|response| response.map(|body| body.map_err(Into::into).boxed_unsync()));
    Client::new(boxed.map_err(Into::into))
}

type AtEnd = Box<dyn FnOnce(&Ended) + Send>;

/// One call. Dropping it drops whatever there is of it by then.
pub struct Journey {
    stage: Stage,
    /// Runs at the end that the answer's completion tells.
    at_end: Option<AtEnd>,
    polls: u32,
}

/// On a clock that cannot go on, a busy wait would never be seen to end.
const TOO_OFTEN: u32 = 100_000;

enum Stage {
    Readying(Client, Box<Request>),
    Calling(BoxFuture<'static, Result<Response, BoxError>>),
    Reading(UnsyncBoxBody<Bytes, BoxError>),
    Over,
}

/// What one poll did.
#[derive(Debug)]
pub enum Step {
    /// Nothing.
    Pending,
    /// Became ready, or came to its head, or yielded a frame.
    Moved,
    /// Came to its end.
    Over(Result<(), BoxError>),
}

impl Journey {
    /// A call that is not ready yet.
    pub fn new(client: Client, request: Request) -> Self {
        Journey { stage: Stage::Readying(client, Box::new(request)), at_end: None, polls: 0 }
    }

    /// The same call, with something to do when its completion tells the end.
    #[must_use]
    pub fn at_end(mut self, hook: impl FnOnce(&Ended) + Send + 'static) -> Self {
        self.at_end = Some(Box::new(hook));
        self
    }

    /// Whether its head has come, and its end has not.
    pub fn is_reading(&self) -> bool {
        matches!(self.stage, Stage::Reading(_))
    }

    /// Polls once whatever is next. Panics where something must have woken itself for ever.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Step {
        self.polls += 1;
        assert!(self.polls < TOO_OFTEN, "no call here needs so many polls: something wakes itself");
        match self.poll_stage(cx) {
            Poll::Pending => Step::Pending,
            Poll::Ready(Ok(true)) => Step::Moved,
            Poll::Ready(end) => {
                self.stage = Stage::Over;
                Step::Over(end.map(drop))
            }
        }
    }

    /// `false` once nothing is left.
    fn poll_stage(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BoxError>> {
        match &mut self.stage {
            Stage::Readying(client, _) => {
                std::task::ready!(client.poll_ready(cx))?;
                if let Stage::Readying(mut client, request) = std::mem::replace(&mut self.stage, Stage::Over)
                {
                    self.stage = Stage::Calling(client.call(*request));
                }
            }
            Stage::Calling(future) => {
                let response = std::task::ready!(future.as_mut().poll(cx))?;
                let (completion, hook) = (response.extensions().get::<Completion>(), self.at_end.take());
                if let (Some(completion), Some(hook)) = (completion, hook) {
                    completion.on_end(hook);
                }
                self.stage = Stage::Reading(response.into_body());
            }
            Stage::Reading(body) => {
                let frame = std::task::ready!(std::pin::Pin::new(body).poll_frame(cx)).transpose()?;
                return Poll::Ready(Ok(frame.is_some()));
            }
            Stage::Over => return Poll::Ready(Ok(false)),
        }
        Poll::Ready(Ok(true))
    }

    /// Polls to the end.
    pub async fn run(mut self) -> Result<(), BoxError> {
        std::future::poll_fn(|cx| self.poll_to_end(cx)).await
    }

    /// Polls until it is pending or over.
    pub fn poll_to_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        loop {
            match self.poll(cx) {
                Step::Pending => return Poll::Pending,
                Step::Moved => {}
                Step::Over(end) => return Poll::Ready(end),
            }
        }
    }
}

/// What a caller sees of a call, and what the targets see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How it failed, if it did.
    pub failed: Option<Kind>,
    /// How long it took.
    pub took: Duration,
    /// Calls that it made to each target.
    pub calls: Vec<usize>,
}

impl Seen {
    /// Whether the call was a success, and only this target was asked.
    pub fn served_by(&self, target: usize) -> bool {
        self.failed.is_none() && self.calls.iter().enumerate().all(|(at, n)| *n == usize::from(at == target))
    }
}

/// Whoever waits for so long waits for ever.
const TOO_LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Makes a call and looks. Panics if the call does not end.
pub async fn observe(journey: Journey, calls: impl Fn() -> Vec<usize>) -> Seen {
    let (before, since) = (calls(), Instant::now());
    let end = tokio::time::timeout(TOO_LONG, journey.run()).await.expect("the call ends");
    let failed = end.err().map(|error| failure(&error).kind);
    let calls = calls().iter().zip(before).map(|(now, before)| now - before).collect();
    Seen { failed, took: since.elapsed(), calls }
}

/// A waker that counts.
#[derive(Debug, Default)]
pub struct Wakes(AtomicUsize);

impl Wakes {
    /// How often somebody was woken.
    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// The waker.
    pub fn waker(self: &Arc<Self>) -> Waker {
        self.clone().into()
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

impl std::fmt::Debug for Journey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.stage {
            Stage::Readying(..) => "readying",
            Stage::Calling(_) => "calling",
            Stage::Reading(_) => "reading",
            Stage::Over => "over",
        })
    }
}
