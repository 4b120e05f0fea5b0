//! A target that does what a test says, and tells what was done to it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use buttress_call::{
    BoxError, Call, ClassifyFn, Error, Failure, Kind, Origin, Outcome, Shape, WithCall, classify_fn, failure,
    with_call,
};
use buttress_failover::{Exhausted, Failover, Target};
use tower::ServiceExt;
use tower_service::Service;

#[derive(Clone, Default)]
pub(crate) struct Ask {
    pub(crate) call: Call,
}

impl Ask {
    pub(crate) fn of_model(model: &str) -> Ask {
        let mut shape = Shape::default();
        shape.model = Some(model.into());
        let mut ask = Ask::default();
        ask.call.set_shape(Arc::new(shape));
        ask
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) from: &'static str,
    failure: Option<Kind>,
    _alive: Alive,
}

/// Counts what lives.
#[derive(Debug)]
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Alive {
        count.fetch_add(1, SeqCst);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Serve,
    Fail(Failure),
    /// A failure told by a response, as from a plain HTTP client.
    Respond(Kind),
    ServeAfter(Duration),
    FailAfter(Duration, Failure),
    Hang,
    Panic,
    PanicInCall,
}

impl From<Kind> for Act {
    fn from(kind: Kind) -> Act {
        Act::Fail(kind.into())
    }
}

pub(crate) fn hinted(kind: Kind, secs: u64) -> Act {
    Act::Fail(Failure::new(kind).with_retry_after(Some(Duration::from_secs(secs))))
}

#[derive(Default)]
enum Readiness {
    #[default]
    Ready,
    Pending,
    Failed(Kind),
}

pub(crate) struct Scripted {
    shared: Arc<Shared>,
    ready: bool,
    _clone: Alive,
}

struct Shared {
    name: &'static str,
    script: Mutex<Script>,
    clones: Arc<AtomicUsize>,
    responses: Arc<AtomicUsize>,
    attempts: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Script {
    acts: VecDeque<Act>,
    then: Option<Act>,
    readiness: Readiness,
    wakers: Vec<Waker>,
    polls: usize,
    asked: Vec<Call>,
    /// Looked at when a call comes.
    must_be_gone: Option<Scripted>,
}

impl Scripted {
    /// Does `act` at every call.
    pub(crate) fn always(name: &'static str, act: impl Into<Act>) -> Scripted {
        let script = Script { then: Some(act.into()), ..Script::default() };
        let clones = Arc::new(AtomicUsize::new(0));
        let clone = Alive::new(&clones);
        let shared = Arc::new(Shared {
            name,
            script: Mutex::new(script),
            clones,
            responses: Arc::default(),
            attempts: Arc::default(),
        });
        Scripted { shared, ready: false, _clone: clone }
    }

    /// Does `act` at the next call.
    pub(crate) fn next(self, act: impl Into<Act>) -> Self {
        self.script().acts.push_back(act.into());
        self
    }

    pub(crate) fn serves(name: &'static str) -> Scripted {
        Scripted::always(name, Act::Serve)
    }

    pub(crate) fn does(&self, act: impl Into<Act>) {
        self.script().then = Some(act.into());
    }

    pub(crate) fn unready(self) -> Self {
        self.script().readiness = Readiness::Pending;
        self
    }

    pub(crate) fn fails_to_be_ready(self, kind: Kind) -> Self {
        self.script().readiness = Readiness::Failed(kind);
        self
    }

    pub(crate) fn becomes_ready(&self) {
        self.set_ready(true);
    }

    pub(crate) fn set_ready(&self, ready: bool) {
        let wakers = {
            let mut script = self.script();
            script.readiness = if ready { Readiness::Ready } else { Readiness::Pending };
            std::mem::take(&mut script.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Every call checks that no response and no attempt of `other` is left.
    pub(crate) fn after(self, other: &Scripted) -> Self {
        self.script().must_be_gone = Some(other.clone());
        self
    }

    pub(crate) fn calls(&self) -> usize {
        self.script().asked.len()
    }

    /// What each call carried in.
    pub(crate) fn asked(&self) -> Vec<Call> {
        self.script().asked.clone()
    }

    pub(crate) fn readiness_polls(&self) -> usize {
        self.script().polls
    }

    /// Clones besides the test's and the failover's own.
    pub(crate) fn spare_clones(&self) -> usize {
        self.clones().saturating_sub(2)
    }

    pub(crate) fn clones(&self) -> usize {
        self.shared.clones.load(SeqCst)
    }

    pub(crate) fn attempts_under_way(&self) -> usize {
        self.shared.attempts.load(SeqCst)
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.shared.script.lock().unwrap()
    }
}

impl Clone for Scripted {
    fn clone(&self) -> Self {
        let clone = Alive::new(&self.shared.clones);
        Scripted { shared: self.shared.clone(), ready: false, _clone: clone }
    }
}

impl Service<Ask> for Scripted {
    type Response = Answer;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut script = self.shared.script.lock().unwrap();
        script.polls += 1;
        match script.readiness {
            Readiness::Ready => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Pending => {
                script.wakers.push(cx.waker().clone());
                Poll::Pending
            }
            Readiness::Failed(kind) => Poll::Ready(Err(error(self.shared.name, kind.into()))),
        }
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "{} was called before it was ready", self.shared.name);
        let act = {
            let mut script = self.script();
            script.asked.push(ask.call);
            if let Some(other) = &script.must_be_gone {
                assert_eq!(other.shared.responses.load(SeqCst), 0, "a failed response is still held");
                assert_eq!(other.attempts_under_way(), 0, "a failed attempt is still held");
            }
            let next = script.acts.pop_front();
            next.or(script.then).unwrap()
        };
        assert!(!matches!(act, Act::PanicInCall), "scripted");
        let name = self.shared.name;
        let under_way = Alive::new(&self.shared.attempts);
        let responses = self.shared.responses.clone();
        Box::pin(async move {
            let _under_way = under_way;
            let answer = |failure| Ok(Answer { from: name, failure, _alive: Alive::new(&responses) });
            match act {
                Act::Serve => answer(None),
                Act::Respond(kind) => answer(Some(kind)),
                Act::Fail(failure) => Err(error(name, failure)),
                Act::ServeAfter(time) => {
                    tokio::time::sleep(time).await;
                    answer(None)
                }
                Act::FailAfter(time, failure) => {
                    tokio::time::sleep(time).await;
                    Err(error(name, failure))
                }
                Act::Hang => std::future::pending().await,
                Act::Panic | Act::PanicInCall => panic!("scripted"),
            }
        })
    }
}

fn error(name: &'static str, failure: Failure) -> Error {
    let origin = if failure.kind == Kind::Rejected { Origin::Layer("breaker") } else { Origin::Upstream };
    Error::new(failure, origin, format!("{name} says {}", failure.kind))
}

fn judge(result: Result<&Answer, &BoxError>) -> Outcome {
    match result {
        Ok(answer) => answer.failure.map_or(Outcome::Success, Outcome::from),
        Err(error) => failure(error).into(),
    }
}

pub(crate) type Judge = WithCall<Ask, ClassifyFn<Answer, fn(Result<&Answer, &BoxError>) -> Outcome>>;
pub(crate) type Fleet = Failover<Scripted, Judge>;

pub(crate) fn fleet<const N: usize>(targets: [&Scripted; N]) -> Fleet {
    let named = targets.map(|target| (target.shared.name, target.clone()));
    Failover::in_order(named).unwrap().classify(judging())
}

pub(crate) fn of<const N: usize>(targets: [Target<Scripted>; N]) -> Fleet {
    Failover::new(targets).unwrap().classify(judging())
}

pub(crate) fn judging() -> Judge {
    let judge: fn(Result<&Answer, &BoxError>) -> Outcome = judge;
    with_call(classify_fn(judge), |ask: &Ask| &ask.call, |ask| &mut ask.call)
}

/// One call; the name of the target that answered.
pub(crate) async fn ask(fleet: &Fleet) -> Result<&'static str, BoxError> {
    ask_for(fleet, Ask::default()).await
}

pub(crate) async fn ask_for(fleet: &Fleet, ask: Ask) -> Result<&'static str, BoxError> {
    Ok(fleet.clone().oneshot(ask).await?.from)
}

pub(crate) fn kind_of(result: Result<&'static str, BoxError>) -> Kind {
    failure(&result.expect_err("served")).kind
}

pub(crate) fn exhausted(error: &BoxError) -> &Exhausted {
    let error = buttress_call::find(error).unwrap();
    assert_eq!(error.origin(), Origin::Layer("failover"));
    std::error::Error::source(error).unwrap().downcast_ref().unwrap()
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) async fn advance(time: Duration) {
    tokio::time::advance(time).await;
}
