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

use buttress_call::{
    BoxError, Call, Charging, Completion, Ender, Error, Failure, Http, Kind, Limits, Origin, OutputCharge,
    Progress, Usage, find,
};
use buttress_limit::{Estimate, Exceeded, Limit, LimitHandle, LimitLayer, Policy, Why};
use tokio::task::JoinHandle;
use tower::{Layer, Service, ServiceExt};

pub const MS: Duration = Duration::from_millis(1);
pub const SECOND: Duration = Duration::from_secs(1);

/// What the target does with a request.
#[derive(Clone, Debug)]
pub enum Step {
    /// Answers after this, with what it used.
    Answer(Duration, Option<Usage>),
    /// Answers at once, with an answer that has no end of its own and nothing that was counted.
    Whole,
    /// Fails after this.
    Fail(Duration, Failure),
    /// The head comes after this, with the first content; the end is the test's ([`Target::ender`]).
    Stream(Duration),
    /// The head comes at once, without content.
    Head,
    /// Takes the request, marks it as sent, and never answers.
    Hang,
    /// Takes the request and never sends it.
    Queue,
    PanicInCall,
    PanicInPoll,
}

/// A call: its number, what it is estimated to need, and what becomes of it.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: usize,
    pub input: u64,
    pub cap: Option<u64>,
    pub step: Step,
    /// What the answer says.
    pub limits: Option<Limits>,
    pub charging: Option<Charging>,
}

pub type Request = http::Request<Job>;
pub type Response = http::Response<()>;
pub type Result = std::result::Result<Response, BoxError>;

impl Job {
    pub fn new(input: u64, step: Step) -> Self {
        Job { id: 0, input, cap: Some(0), step, limits: None, charging: None }
    }

    /// Answered at once, at the cost of its estimate.
    pub fn quick(input: u64) -> Self {
        Job::new(input, Step::Answer(Duration::ZERO, Some(Usage::new(input, 0))))
    }

    pub fn fail(input: u64, kind: Kind) -> Self {
        Job::new(input, Step::Fail(Duration::ZERO, kind.into()))
    }

    pub fn hang(input: u64) -> Self {
        Job::new(input, Step::Hang)
    }

    pub fn id(self, id: usize) -> Self {
        Job { id, ..self }
    }

    pub fn cap(self, cap: u64) -> Self {
        Job { cap: Some(cap), ..self }
    }

    #[allow(clippy::large_types_passed_by_value, reason = "a test reads best so")]
    pub fn says(self, limits: Limits) -> Self {
        Job { limits: Some(limits), ..self }
    }

    pub fn charges(self, charging: Charging) -> Self {
        Job { charging: Some(charging), ..self }
    }
}

impl From<Job> for Request {
    fn from(job: Job) -> Self {
        Request::new(job)
    }
}

pub fn estimate(request: &Request) -> Estimate {
    Estimate::new(request.body().input).with_max_output(request.body().cap)
}

#[derive(Default)]
pub struct Seen {
    pub calls: Mutex<Vec<usize>>,
    pub in_flight: AtomicUsize,
    pub polls: AtomicUsize,
    /// How many instances are polled ready and neither called nor dropped.
    pub parked: AtomicUsize,
    pub broken: AtomicBool,
    /// Refuses like an open breaker.
    pub open: AtomicBool,
    enders: Mutex<Vec<Ender>>,
}

/// Must be polled ready before each call, or it panics.
#[derive(Default)]
pub struct Target {
    pub seen: Arc<Seen>,
    ready: bool,
}

impl Target {
    /// The calls that it got, by number.
    pub fn calls(&self) -> Vec<usize> {
        self.seen.calls.lock().unwrap().clone()
    }

    pub fn in_flight(&self) -> usize {
        self.seen.in_flight.load(SeqCst)
    }

    /// The end of the oldest stream that has none yet.
    pub fn ender(&self) -> Ender {
        self.seen.enders.lock().unwrap().remove(0)
    }

    fn park(&mut self, ready: bool) -> bool {
        let was = std::mem::replace(&mut self.ready, ready);
        if ready && !was {
            self.seen.parked.fetch_add(1, SeqCst);
        } else if was && !ready {
            self.seen.parked.fetch_sub(1, SeqCst);
        }
        was
    }
}

impl Clone for Target {
    fn clone(&self) -> Self {
        Target { seen: self.seen.clone(), ready: false }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.park(false);
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
    type Future = Pin<Box<dyn Future<Output = Result> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        self.seen.polls.fetch_add(1, SeqCst);
        if self.seen.broken.load(SeqCst) {
            return Poll::Ready(Err(failed(&Job::quick(0), Kind::Connect.into())));
        }
        self.park(true);
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        assert!(self.park(false), "called without being ready");
        let job = request.body().clone();
        self.seen.calls.lock().unwrap().push(job.id);
        assert!(!matches!(job.step, Step::PanicInCall), "in call");
        let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
        let seen = self.seen.clone();
        Box::pin(async move {
            let _in_flight = InFlight::new(&seen);
            if seen.open.load(SeqCst) {
                return Err(failed(&job, Kind::Rejected.into()));
            }
            match job.step {
                Step::Answer(after, usage) => {
                    progress.mark_sent();
                    tokio::time::sleep(after).await;
                    if let Some(usage) = usage {
                        progress.set_usage(usage);
                    }
                    let (response, ender) = answer(&job, progress);
                    ender.end(buttress_call::Outcome::Success);
                    Ok(response)
                }
                Step::Whole => {
                    progress.mark_sent();
                    Ok(head(&job))
                }
                Step::Fail(after, failure) => {
                    progress.mark_sent();
                    tokio::time::sleep(after).await;
                    Err(failed(&job, failure))
                }
                Step::Stream(first_content) => {
                    progress.mark_sent();
                    tokio::time::sleep(first_content).await;
                    progress.mark_received(1, 1);
                    Ok(streaming(&job, progress, &seen))
                }
                Step::Head => {
                    progress.mark_sent();
                    Ok(streaming(&job, progress, &seen))
                }
                Step::Hang => {
                    progress.mark_sent();
                    std::future::pending().await
                }
                Step::Queue => std::future::pending().await,
                Step::PanicInCall | Step::PanicInPoll => panic!("in poll"),
            }
        })
    }
}

fn answer(job: &Job, progress: Progress) -> (Response, Ender) {
    let (completion, ender) = Completion::pair(progress);
    let mut response = head(job);
    response.extensions_mut().insert(completion);
    (response, ender)
}

fn head(job: &Job) -> Response {
    let mut response = Response::new(());
    if let Some(limits) = job.limits {
        response.extensions_mut().insert(limits);
    }
    if let Some(charging) = job.charging {
        response.extensions_mut().insert(charging);
    }
    response
}

fn streaming(job: &Job, progress: Progress, seen: &Seen) -> Response {
    let (response, ender) = answer(job, progress);
    seen.enders.lock().unwrap().push(ender);
    response
}

fn failed(job: &Job, failure: Failure) -> BoxError {
    Error::new(failure, Origin::Upstream, "scripted").with_limits(job.limits, job.charging).into()
}

/// A limiter over a target, with a handle on both.
pub struct Rig {
    pub service: Limit<Target, Http, fn(&Request) -> Estimate>,
    pub limits: LimitHandle,
    pub target: Target,
}

/// 600 tokens a minute, 10 a second, in one bucket, output charged as it streams; no requests limit, no rise.
pub fn tokens() -> Policy {
    Policy {
        tokens: Some(600),
        ramp_up: Duration::ZERO,
        charging: Some(Charging::new(OutputCharge::AsStreamed)),
        ..Policy::default()
    }
}

/// 60 requests a minute, one a second; no rise.
pub fn requests() -> Policy {
    Policy { requests: Some(60), ramp_up: Duration::ZERO, ..Policy::default() }
}

pub fn rig(policy: Policy) -> Rig {
    let layer = LimitLayer::new(policy).unwrap().cost(estimate as fn(&Request) -> Estimate);
    let target = Target::default();
    Rig { service: layer.layer(target.clone()), limits: layer.handle(), target }
}

impl Rig {
    /// Readies a clone and calls it: the future has not been polled yet.
    pub async fn start<R: Into<Request>>(&self, request: R) -> impl Future<Output = Result> + Send + use<R> {
        let mut service = self.service.clone();
        service.ready().await.unwrap().call(request.into())
    }

    pub async fn send(&self, request: impl Into<Request>) -> Result {
        self.start::<Request>(request.into()).await.await
    }

    /// Sends in the background, and lets it get as far as it can.
    pub async fn spawn(&self, request: impl Into<Request>) -> JoinHandle<Result> {
        let task = tokio::spawn(self.start::<Request>(request.into()).await);
        settle().await;
        task
    }

    /// What is left in the bucket of tokens, without what is held.
    pub fn left(&self) -> i64 {
        let level = self.limits.snapshot().tokens.unwrap();
        (level.level - level.held as f64).round() as i64
    }

    pub fn level(&self) -> i64 {
        self.limits.snapshot().tokens.unwrap().level.round() as i64
    }

    pub fn held(&self) -> u64 {
        self.limits.snapshot().tokens.unwrap().held
    }
}

/// Lets every task get as far as it can without time passing.
pub async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// The limiter's refusal, if it is one.
pub fn exceeded(result: &Result) -> Option<&Exceeded> {
    let error = find(result.as_ref().err()?)?;
    if error.origin() != Origin::Layer("limit") {
        return None;
    }
    assert_eq!(error.kind(), Kind::Rejected);
    let exceeded = std::error::Error::source(error)?.downcast_ref::<Exceeded>()?;
    assert_eq!(exceeded.retry_after(), error.retry_after());
    Some(exceeded)
}

pub fn why(result: &Result) -> Option<Why> {
    exceeded(result).map(Exceeded::why)
}
