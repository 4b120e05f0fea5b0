//! A service whose every try does what a test says, and tells what was done to it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, ready},
    time::Duration,
};

use buttress_call::{
    BoxError, ByError, Call, Cause, Error, Failure, InUse, Kind, Origin, Outcome, WithCall, classify_fn,
    failure, find, with_call,
};
use buttress_hedge::{HedgeHandle, HedgeLayer, Policy};
use tokio::time::{Instant, Sleep, sleep};
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MS: Duration = Duration::from_millis(1);

#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) call: Call,
}

/// What a try does, one after the other. After the last step it answers.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(Duration),
    /// Its clock says that it waits on this side.
    Queue,
    /// Its clock says that it was sent.
    Sent,
    /// Its clock says that content came.
    Content,
    Fail(Failure),
    FailLast(Kind),
    /// A failure told by a response.
    Respond(Kind),
    Hang,
    Panic,
    /// In `call`, whatever else is in the script.
    PanicInCall,
    /// Marks a target as in use until the try is gone.
    Occupy(&'static str),
}

pub(crate) use Step::*;

pub(crate) fn fail(kind: Kind) -> Step {
    Fail(kind.into())
}

#[derive(Debug)]
pub(crate) struct Answer {
    /// Which try it is from, counted from 1.
    pub(crate) from: usize,
    failure: Option<Kind>,
}

/// What happened to a try, counted from 1, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Called(usize),
    Resolved(usize),
    /// Dropped before it resolved.
    Dropped(usize),
}

pub(crate) use Event::*;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Readiness {
    #[default]
    Ready,
    Pending,
    Failed,
    Panics,
}

#[derive(Default)]
struct State {
    scripts: VecDeque<Vec<Step>>,
    otherwise: Vec<Step>,
    readiness: Readiness,
    asked: Vec<Call>,
    events: Vec<(Duration, Event)>,
    polls: Vec<usize>,
    futures: usize,
}

struct Shared {
    began: Instant,
    state: Mutex<State>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn note(&self, event: Event) {
        let at = self.began.elapsed();
        self.state().events.push((at, event));
    }
}

/// The scripted service: each clone must be polled ready before it is called.
pub(crate) struct Scripted {
    shared: Arc<Shared>,
    ready: bool,
}

impl Clone for Scripted {
    fn clone(&self) -> Self {
        Scripted { shared: self.shared.clone(), ready: false }
    }
}

impl Scripted {
    /// The first tries do this, and all others answer at once.
    pub(crate) fn new<const N: usize>(scripts: [&[Step]; N]) -> Self {
        let state = State { scripts: scripts.map(<[Step]>::to_vec).into(), ..State::default() };
        Scripted { shared: Arc::new(Shared { began: Instant::now(), state: state.into() }), ready: false }
    }

    /// All other tries do this.
    pub(crate) fn otherwise(self, steps: &[Step]) -> Self {
        self.shared.state().otherwise = steps.to_vec();
        self
    }

    pub(crate) fn push(&self, steps: &[Step]) {
        self.shared.state().scripts.push_back(steps.to_vec());
    }

    pub(crate) fn set_readiness(&self, readiness: Readiness) {
        self.shared.state().readiness = readiness;
    }

    pub(crate) fn calls(&self) -> usize {
        self.shared.state().asked.len()
    }

    /// What the tries were asked with.
    pub(crate) fn asked(&self) -> Vec<Call> {
        self.shared.state().asked.clone()
    }

    pub(crate) fn causes(&self) -> Vec<(u32, Cause)> {
        self.asked().iter().map(|call| (call.attempt().number, call.attempt().cause)).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.shared.state().events.iter().map(|(_, event)| *event).collect()
    }

    /// When this happened, since the service was made.
    pub(crate) fn at(&self, event: Event) -> Option<Duration> {
        self.shared.state().events.iter().find(|(_, seen)| *seen == event).map(|(at, _)| *at)
    }

    /// How often each try was polled.
    pub(crate) fn polls(&self) -> Vec<usize> {
        self.shared.state().polls.clone()
    }

    /// Tries that exist.
    pub(crate) fn alive(&self) -> usize {
        self.shared.state().futures
    }
}

impl Service<Ask> for Scripted {
    type Response = Answer;
    type Error = BoxError;
    type Future = Try;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let readiness = self.shared.state().readiness;
        match readiness {
            Readiness::Ready => {
                self.ready = true;
                Poll::Ready(Ok(()))
            }
            Readiness::Pending => Poll::Pending,
            Readiness::Failed => Poll::Ready(Err("not ready".into())),
            Readiness::Panics => panic!("panic in poll_ready"),
        }
    }

    fn call(&mut self, ask: Ask) -> Try {
        assert!(std::mem::take(&mut self.ready), "called without having been polled ready");
        let mut state = self.shared.state();
        let steps = state.scripts.pop_front().unwrap_or_else(|| state.otherwise.clone());
        if steps.iter().any(|step| matches!(step, PanicInCall)) {
            drop(state);
            panic!("panic in call");
        }
        state.asked.push(ask.call.clone());
        state.polls.push(0);
        state.futures += 1;
        let number = state.asked.len();
        drop(state);
        self.shared.note(Called(number));
        let shared = self.shared.clone();
        Try {
            shared,
            number,
            call: ask.call,
            steps: steps.into(),
            sleep: None,
            in_use: Vec::new(),
            over: false,
        }
    }
}

pub(crate) struct Try {
    shared: Arc<Shared>,
    number: usize,
    call: Call,
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    in_use: Vec<InUse>,
    over: bool,
}

impl Try {
    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, BoxError>> {
        let from = self.number;
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(cx));
                self.sleep = None;
            }
            match self.steps.pop_front() {
                None => return Poll::Ready(Ok(Answer { from, failure: None })),
                Some(Wait(time)) => self.sleep = Some(Box::pin(sleep(time))),
                Some(Queue) => self.call.progress().unwrap().mark_waiting(),
                Some(Sent) => self.call.progress().unwrap().mark_sent(),
                Some(Content) => self.call.progress().unwrap().mark_received(10, 1),
                Some(Occupy(target)) => {
                    self.in_use.push(self.call.targets().unwrap().occupy(target.into()));
                }
                Some(Fail(failure)) => {
                    let error = Error::new(failure, Origin::Upstream, format!("failure {from}"));
                    return Poll::Ready(Err(error.into()));
                }
                Some(FailLast(kind)) => {
                    let error = Error::new(kind, Origin::Layer("failover"), format!("failure {from}"));
                    return Poll::Ready(Err(error.with_exhausted().into()));
                }
                Some(Respond(kind)) => return Poll::Ready(Ok(Answer { from, failure: Some(kind) })),
                Some(Hang) => {
                    self.steps.push_front(Hang);
                    return Poll::Pending;
                }
                Some(Panic) => panic!("panic in poll"),
                Some(PanicInCall) => unreachable!("it has panicked by now"),
            }
        }
    }
}

impl Future for Try {
    type Output = Result<Answer, BoxError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.over, "polled after it has resolved");
        let number = self.number;
        self.shared.state().polls[number - 1] += 1;
        let result = ready!(self.step(cx));
        self.over = true;
        self.shared.note(Resolved(number));
        Poll::Ready(result)
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        self.shared.state().futures -= 1;
        if !self.over {
            self.shared.note(Dropped(self.number));
        }
    }
}

pub(crate) type WithAsk<C> = WithCall<Ask, C>;

/// Any answer is a success, and the ask carries its call.
pub(crate) fn by_error() -> WithAsk<ByError> {
    with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call)
}

pub(crate) type Hedged = BoxCloneService<Ask, Answer, BoxError>;

/// A hedging layer around a scripted service, with a handle on it.
pub(crate) fn hedge(policy: Policy, inner: &Scripted) -> (Hedged, HedgeHandle) {
    let layer = HedgeLayer::new(policy).unwrap().classify(by_error());
    let handle = layer.handle();
    (layer.layer(inner.clone()).boxed_clone(), handle)
}

/// The same, where an answer may be a failure.
pub(crate) fn hedge_by_answer(policy: Policy, inner: &Scripted) -> (Hedged, HedgeHandle) {
    let judge = classify_fn::<Answer, _>(|result| match result {
        Ok(answer) => answer.failure.map_or(Outcome::Success, Outcome::from),
        Err(error) => failure(error).into(),
    });
    let carries = with_call(judge, |ask: &Ask| &ask.call, |ask| &mut ask.call);
    let layer = HedgeLayer::new(policy).unwrap().classify(carries);
    let handle = layer.handle();
    (layer.layer(inner.clone()).boxed_clone(), handle)
}

/// One call through a hedge after a second, of whose budget nothing is spent yet.
pub(crate) async fn run(inner: &Scripted) -> (Result<Answer, BoxError>, HedgeHandle) {
    let (service, handle) = hedge(Policy::after(SECOND), inner);
    (service.oneshot(Ask::default()).await, handle)
}

pub(crate) fn message(result: &Result<Answer, BoxError>) -> (Kind, String) {
    let error = find(result.as_ref().unwrap_err()).unwrap();
    (error.kind(), error.to_string())
}

/// Polls a future once.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(std::task::Waker::noop()))
}
