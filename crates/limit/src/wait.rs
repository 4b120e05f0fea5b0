//! A call that waits for its turn.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use buttress_call::{BoxError, Call, Carries, Note};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service;

use crate::{
    Estimate, Exceeded,
    calls::Held,
    engine::{Nanos, nanos},
    error::LAYER,
    gate::{Ask, Entry, Turn},
    permit::Permit,
    queue::Place,
    shared::Limits,
};

/// The slow path, boxed: first the turn, then the inner service's readiness, then the call.
///
/// The clone of the inner service is polled ready only when it is this call's turn: a service that is ready and waits would
/// keep others out (a `ConcurrencyLimit`'s slot, a place in a `Buffer`). While it becomes ready the hold is kept, so nobody
/// overtakes.
pub(crate) struct Waiting<S, Req> {
    inner: S,
    request: Option<Req>,
    estimate: Estimate,
    ask: Ask,
    /// The deadline as a point in time: the ask's is seen from the call.
    deadline: Option<Instant>,
    limits: Arc<Limits>,
    stage: Stage,
}

enum Stage {
    /// Not polled yet: it takes its place with the first poll, so that a future that nobody polls keeps nobody out.
    New,
    Queued(Queued),
    /// Let through; the inner service becomes ready.
    Admitted(Permit),
    Done,
}

struct Queued {
    place: Place,
    limits: Arc<Limits>,
    since: Nanos,
    /// When it has waited for as long as it may.
    expires: Nanos,
    timer: Pin<Box<Sleep>>,
    left: bool,
}

impl Drop for Queued {
    fn drop(&mut self) {
        if !self.left {
            self.limits.gate.leave(self.place);
        }
    }
}

impl<S, Req> Waiting<S, Req> {
    pub(crate) fn new(
        inner: S,
        request: Req,
        estimate: Estimate,
        ask: Ask,
        limits: Arc<Limits>,
    ) -> Box<Self> {
        let deadline = ask.remaining.map(|remaining| Instant::now() + remaining);
        let stage = Stage::New;
        Box::new(Waiting { inner, request: Some(request), estimate, ask, deadline, limits, stage })
    }

    /// A call that may pass, but whose inner service is not known to be ready.
    #[cold]
    pub(crate) fn admitted(inner: S, request: Req, ask: Ask, permit: Permit) -> Box<Self> {
        let limits = permit.limits().clone();
        let estimate = Estimate::new(0);
        let stage = Stage::Admitted(permit);
        Box::new(Waiting { inner, request: Some(request), estimate, ask, deadline: None, limits, stage })
    }

    /// Resolves once the call is made.
    pub(crate) fn poll_call<C>(
        &mut self,
        cx: &mut Context<'_>,
        classify: &C,
    ) -> Poll<Result<(S::Future, Permit), BoxError>>
    where
        S: Service<Req>,
        S::Error: Into<BoxError>,
        C: Carries<Req>,
    {
        loop {
            match &mut self.stage {
                Stage::New => {
                    if let Err(exceeded) = self.enter() {
                        return Poll::Ready(Err(self.refused(exceeded, classify)));
                    }
                }
                Stage::Queued(queued) => {
                    let turn = ready!(queued.poll_turn(cx));
                    let since = queued.since;
                    // Here the place is left, whatever came of it.
                    match turn {
                        Ok(held) => {
                            let estimate = std::mem::take(&mut self.estimate);
                            self.stage = Stage::Admitted(Permit::new(self.limits.clone(), held, estimate));
                            self.waited(since, classify);
                        }
                        Err(exceeded) => return Poll::Ready(Err(self.refused(exceeded, classify))),
                    }
                }
                Stage::Admitted(_) => {
                    // An error here drops the permit: nothing was sent.
                    let ready = ready!(self.inner.poll_ready(cx)).map_err(Into::into);
                    let Stage::Admitted(mut permit) = std::mem::replace(&mut self.stage, Stage::Done) else {
                        unreachable!("the stage was matched above")
                    };
                    ready?;
                    let request = self.request.take().expect("the request is taken only here, once");
                    permit.calling_late(classify.call(&request));
                    return Poll::Ready(Ok((self.inner.call(request), permit)));
                }
                Stage::Done => panic!("a future must not be polled after it has resolved"),
            }
        }
    }

    fn waited(&self, since: Nanos, carries: &impl Carries<Req>) {
        let common = &self.limits.common;
        let time = Duration::from_nanos(common.now().saturating_sub(since));
        // A place at the head of the queue is no wait.
        if !time.is_zero() {
            let limiter = common.name();
            tracing::debug!(limiter, ?time, "call waited");
            if let Some(call) = self.request.as_ref().and_then(|request| carries.call(request)) {
                call.tell(Note::Waited { limiter, time });
            }
        }
    }

    fn refused(&mut self, exceeded: Exceeded, carries: &impl Carries<Req>) -> BoxError {
        self.stage = Stage::Done;
        let call = self.request.as_ref().and_then(|request| carries.call(request));
        refused(exceeded, &self.limits, call)
    }

    fn enter(&mut self) -> Result<(), Exceeded> {
        let limits = &self.limits;
        let now = limits.common.now();
        self.ask.remaining = self.deadline.map(|at| at.saturating_duration_since(Instant::now()));
        self.stage = match limits.gate.enter(now, &self.ask, true) {
            Entry::Admitted(held) => {
                let estimate = std::mem::take(&mut self.estimate);
                Stage::Admitted(Permit::new(limits.clone(), held, estimate))
            }
            Entry::Queued(place) => {
                let max_wait = nanos(limits.common.policy().max_wait);
                let remaining = self.ask.remaining.map_or(max_wait, nanos);
                let expires = now.saturating_add(remaining.min(max_wait));
                let timer = Box::pin(sleep_until(limits.common.instant(expires)));
                Stage::Queued(Queued {
                    place,
                    limits: limits.clone(),
                    since: now,
                    expires,
                    timer,
                    left: false,
                })
            }
            Entry::Refused(exceeded) => return Err(exceeded),
            Entry::Busy => unreachable!("the gate was asked to queue"),
        };
        Ok(())
    }
}

impl Queued {
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<Held, Exceeded>> {
        loop {
            let now = self.limits.common.now();
            let until = match self.limits.gate.turn(now, self.place, cx) {
                Turn::Admitted(held) => {
                    self.left = true;
                    return Poll::Ready(Ok(held));
                }
                Turn::Refused(exceeded) => {
                    self.left = true;
                    return Poll::Ready(Err(exceeded));
                }
                Turn::Wait(until) => until,
            };
            if now >= self.expires {
                self.left = true;
                return Poll::Ready(Err(self.limits.gate.give_up(now, self.place)));
            }
            let at = self.limits.common.instant(until.map_or(self.expires, |until| until.min(self.expires)));
            if self.timer.deadline() != at {
                self.timer.as_mut().reset(at);
            }
            // A timer that has fired already means that the time has come meanwhile.
            ready!(self.timer.as_mut().poll(cx));
        }
    }
}

pub(crate) fn refused(exceeded: Exceeded, limits: &Limits, call: Option<&Call>) -> BoxError {
    let limiter = limits.common.name();
    tracing::debug!(limiter, %exceeded, "call refused");
    if let Some(call) = call {
        call.tell(Note::Refused { layer: LAYER, name: limiter });
    }
    exceeded.into_error()
}
