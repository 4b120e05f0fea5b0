//! A target that does what each request says, and tells what was done to it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_breaker::{Breaker, BreakerHandle, BreakerLayer, OpenFor, Policy};
use buttress_call::{BoxError, Call, Completion, Ender, Error, Failure, Kind, Origin, Progress, find};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceExt};

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// What the target does with a request.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    Answer,
    AnswerAfter(Duration),
    Fail(Failure),
    FailAfter(Duration, Kind),
    /// The head comes at the first content; the end is the test's ([`Target::ender`]).
    Stream {
        first_content: Duration,
    },
    /// The head comes at once, without content.
    Head,
    /// Takes the request, marks it as sent, and never answers.
    Hang,
    /// Takes the request, and keeps it in a queue of its own.
    Queue,
    /// Takes the request, does not know of clocks, and never answers.
    Silence,
    PanicInCall,
    PanicInPoll,
}

pub type Request = http::Request<Step>;
pub type Response = http::Response<()>;

#[derive(Default)]
pub struct Seen {
    pub calls: AtomicUsize,
    pub in_flight: AtomicUsize,
    pub polls: AtomicUsize,
    pub broken: AtomicBool,
    enders: Mutex<Vec<Ender>>,
}

/// Must be polled ready before each call, or it panics.
#[derive(Default)]
pub struct Target {
    pub seen: Arc<Seen>,
    ready: bool,
}

impl Clone for Target {
    fn clone(&self) -> Self {
        Target { seen: self.seen.clone(), ready: false }
    }
}

impl Target {
    pub fn calls(&self) -> usize {
        self.seen.calls.load(SeqCst)
    }

    pub fn in_flight(&self) -> usize {
        self.seen.in_flight.load(SeqCst)
    }

    pub fn polls(&self) -> usize {
        self.seen.polls.load(SeqCst)
    }

    /// Streams that have not ended.
    pub fn streams(&self) -> usize {
        self.seen.enders.lock().unwrap().len()
    }

    /// The end of the oldest stream that has none yet.
    pub fn ender(&self) -> Ender {
        self.seen.enders.lock().unwrap().remove(0)
    }
}

struct InFlight(Arc<Seen>);

impl InFlight {
    fn new(seen: &Arc<Seen>) -> Self {
        seen.in_flight.fetch_add(1, SeqCst);
        InFlight(seen.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
    }
}

impl Service<Request> for Target {
    type Response = Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.seen.polls.fetch_add(1, SeqCst);
        if self.seen.broken.load(SeqCst) {
            return Poll::Ready(Err(error(Kind::Connect.into())));
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.seen.calls.fetch_add(1, SeqCst);
        let step = *request.body();
        assert!(!matches!(step, Step::PanicInCall), "in call");
        let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
        let seen = self.seen.clone();
        Box::pin(async move {
            let _in_flight = InFlight::new(&seen);
            let response = Response::new(());
            match step {
                Step::Answer => Ok(response),
                Step::AnswerAfter(time) => {
                    tokio::time::sleep(time).await;
                    Ok(response)
                }
                Step::Fail(failure) => Err(error(failure)),
                Step::FailAfter(time, kind) => {
                    tokio::time::sleep(time).await;
                    Err(error(kind.into()))
                }
                Step::Stream { first_content } => {
                    progress.mark_sent();
                    tokio::time::sleep(first_content).await;
                    progress.mark_received(1, 1);
                    Ok(streaming(response, progress, &seen))
                }
                Step::Head => {
                    progress.mark_sent();
                    Ok(streaming(response, progress, &seen))
                }
                Step::Hang => {
                    progress.mark_sent();
                    std::future::pending().await
                }
                Step::Queue => {
                    progress.mark_waiting();
                    std::future::pending().await
                }
                Step::Silence => std::future::pending().await,
                Step::PanicInCall | Step::PanicInPoll => panic!("in poll"),
            }
        })
    }
}

fn streaming(mut response: Response, progress: Progress, seen: &Seen) -> Response {
    let (completion, ender) = Completion::pair(progress);
    seen.enders.lock().unwrap().push(ender);
    response.extensions_mut().insert(completion);
    response
}

fn error(failure: Failure) -> BoxError {
    Error::new(failure, Origin::Upstream, "scripted").into()
}

/// A breaker over a target, with a handle on both.
pub struct Rig {
    pub service: Breaker<Target>,
    pub circuit: BreakerHandle,
    pub target: Target,
}

/// The small policy of most tests: 3 failures in a row, 10 s, 2 probes with a lease of 15 s.
pub fn policy() -> Policy {
    Policy {
        consecutive_failures: Some(3),
        open: OpenFor::Fixed(10 * SECOND),
        probes: 2,
        ..Policy::default()
    }
}

pub fn rig(policy: Policy) -> Rig {
    let layer = BreakerLayer::new(policy).unwrap().seed(7);
    let target = Target::default();
    Rig { service: layer.layer(target.clone()), circuit: layer.handle(), target }
}

pub fn fail(kind: Kind) -> Step {
    Step::Fail(kind.into())
}

impl Rig {
    /// Readies a clone and calls it: the future has not been polled yet.
    pub async fn start(
        &self,
        request: Request,
    ) -> impl Future<Output = Result<Response, BoxError>> + Send + use<> {
        let mut service = self.service.clone();
        service.ready().await.unwrap().call(request)
    }

    pub async fn send(&self, step: Step) -> Result<Response, BoxError> {
        self.start(Request::new(step)).await.await
    }

    /// Sends in the background, and lets it get as far as it can.
    pub async fn spawn(&self, step: Step) -> tokio::task::JoinHandle<Result<Response, BoxError>> {
        let task = tokio::spawn(self.start(Request::new(step)).await);
        tokio::task::yield_now().await;
        task
    }

    /// Lets failures open the circuit.
    pub async fn trip(&self) {
        for _ in 0..3 {
            self.send(fail(Kind::Server)).await.unwrap_err();
        }
        assert!(self.circuit.is_open());
    }

    /// Opens the circuit and waits until the next call is a probe.
    pub async fn recovering(self) -> Self {
        self.trip().await;
        tokio::time::advance(10 * SECOND).await;
        self
    }
}

/// Whether the breaker itself said no.
pub fn rejected(result: &Result<Response, BoxError>) -> bool {
    result
        .as_ref()
        .is_err_and(|error| find(error).is_some_and(|error| error.origin() == Origin::Layer("breaker")))
}

pub fn with_deadline(step: Step, deadline: Instant) -> Request {
    let mut request = Request::new(step);
    Call::get_or_insert(request.extensions_mut()).clamp_deadline(deadline);
    request
}
