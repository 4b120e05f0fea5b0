//! Which target comes next, and what a result means for the call.

use std::{
    ops::ControlFlow,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Carries, Cause, Classify, InUse, Kind, Outcome, Shape, Targets, Verdict};
use tokio::time::Instant;
use tower_service::Service;

use crate::{
    cooling::{Look, Probe, Seen},
    exhausted::{Attempt, Log, Reason},
    target::{State, Target},
    waiting::{Place, Waiting},
};

/// The state of one call. Everything boxed is there only once something has gone wrong, or runs beside.
pub(crate) struct Tour<S, C, Req> {
    targets: Arc<[Target<S>]>,
    classify: C,
    /// Gone once the last target has it.
    request: Option<Req>,
    carried: Carried,
    /// One bit for each target that was called, or failed to become ready.
    tried: u64,
    /// The bits of those that were passed over for the current one because they were not ready.
    unready: u64,
    current: usize,
    sent: bool,
    held: Option<Box<Held>>,
    waiting: Option<Box<Waiting<S>>>,
    log: Option<Box<Log>>,
}

/// What the request's `Call` said when the call began.
#[derive(Default)]
struct Carried {
    deadline: Option<Instant>,
    shape: Option<Arc<Shape>>,
    targets: Option<Targets>,
    another_can_serve: bool,
}

/// What an attempt holds until its future is gone.
struct Held {
    seen: Seen,
    _probe: Option<Probe>,
    _in_use: Option<InUse>,
}

/// How a target that was not tried yet stands to a call: the better rank is tried first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Free,
    InUse,
    Cooling,
    Gated,
}

impl<S, C, Req> Tour<S, C, Req>
where
    C: Carries<Req>,
{
    pub(crate) fn new(targets: Arc<[Target<S>]>, classify: C, request: Req) -> Self {
        let carried = classify.call(&request).map_or_else(Carried::default, |call| Carried {
            deadline: call.deadline(),
            shape: call.shape().cloned(),
            targets: call.targets().cloned(),
            another_can_serve: call.another_can_serve(),
        });
        Tour {
            targets,
            classify,
            request: Some(request),
            carried,
            tried: 0,
            unready: 0,
            current: 0,
            sent: false,
            held: None,
            waiting: None,
            log: None,
        }
    }
}

impl<S, C, Req> Tour<S, C, Req> {
    /// The next target, readied, or its failure to become ready; `None` when no target is left.
    pub(crate) fn poll_target(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S, BoxError>>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        loop {
            if let Some(waiting) = &mut self.waiting {
                match waiting.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Some((place, readied))) => match self.enter(place, readied) {
                        Some(readied) => return Poll::Ready(Some(readied)),
                        None => continue,
                    },
                    Poll::Ready(None) if waiting.is_empty() => self.waiting = None,
                    Poll::Ready(None) => {}
                }
            }
            if let Poll::Ready(found) = self.survey(cx) {
                return Poll::Ready(found);
            }
            // What waits for its probe has no time left, and nothing that would wake.
            let soonest = self.cooling().map(|(_, remaining)| remaining).filter(|left| !left.is_zero()).min();
            if let Some(waiting) = &mut self.waiting
                && waiting.arm(soonest, cx).is_pending()
            {
                return Poll::Pending;
            }
        }
    }

    /// Polls targets for readiness, the best rank first, until one is ready. Those that are not are waited for.
    fn survey(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<S, BoxError>>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        for rank in [Rank::Free, Rank::InUse] {
            for index in 0..self.targets.len() {
                if self.is_candidate(index)
                    && self.rank(index) == rank
                    && let Some(readied) = self.poll_one(Place { index, last_resort: false }, cx)
                {
                    return Poll::Ready(Some(readied));
                }
            }
            if self.waiting.is_some() {
                return Poll::Pending;
            }
            // A call that has an upstream's answer, if only a failure, does not press on into what is out of service.
            if self.upstream_failed() {
                return Poll::Ready(None);
            }
        }
        let soonest = self.cooling().min_by_key(|(_, remaining)| *remaining).map(|(index, _)| index);
        let first = || (0..self.targets.len()).find(|index| self.is_candidate(*index));
        let Some(index) = soonest.or_else(first) else { return Poll::Ready(None) };
        match self.poll_one(Place { index, last_resort: true }, cx) {
            Some(readied) => Poll::Ready(Some(readied)),
            None => Poll::Pending,
        }
    }

    /// Nothing, if the target is not ready, or if another call has its probe.
    fn poll_one(&mut self, place: Place, cx: &mut Context<'_>) -> Option<Result<S, BoxError>>
    where
        S: Service<Req> + Clone,
        S::Error: Into<BoxError>,
    {
        let mut clone = self.targets[place.index].service.clone();
        match clone.poll_ready(cx) {
            Poll::Ready(result) => self.enter(place, result.map(|()| clone).map_err(Into::into)),
            Poll::Pending => {
                self.waiting.get_or_insert_default().push(place, clone);
                None
            }
        }
    }

    /// Makes a target the current one and takes what its attempt holds; nothing, if it is out of service after all.
    fn enter(&mut self, place: Place, readied: Result<S, BoxError>) -> Option<Result<S, BoxError>> {
        let Place { index, last_resort } = place;
        if readied.is_ok() {
            let state = &self.targets[index].state;
            let seen = state.cooler.seen(self.model());
            let (in_service, probe) = match state.cooler.look(seen) {
                Look::InService => (true, None),
                Look::Probe => (false, Probe::take(state, seen)),
                Look::Cooling(_) => (false, None),
            };
            if !in_service && probe.is_none() && !last_resort {
                return None;
            }
            let in_use = self.carried.targets.as_ref().map(|targets| targets.occupy(state.name.clone()));
            if seen.any() || in_use.is_some() {
                self.held = Some(Box::new(Held { seen, _probe: probe, _in_use: in_use }));
            }
        }
        self.current = index;
        self.tried |= 1 << index;
        // The other clones go, so that they park nothing.
        self.unready = self.waiting.take().map_or(0, |waiting| waiting.mask());
        Some(readied)
    }

    /// Calls the current target.
    pub(crate) fn send(&mut self, mut readied: S) -> S::Future
    where
        S: Service<Req>,
        C: Carries<Req>,
        Req: Clone,
    {
        let another_can_serve = self.carried.another_can_serve || self.another_can_serve();
        if let Some((from, kind)) = self.log.as_ref().and_then(|log| log.last()) {
            let (to, kind) = (&*self.state().name, kind.as_str());
            if kind == Kind::Rejected.as_str() {
                tracing::info!(from, to, kind, "failing over");
            } else {
                tracing::warn!(from, to, kind, "failing over");
            }
        }
        if self.sent
            && let Some(call) = self.request.as_mut().and_then(|request| self.classify.call_mut(request))
        {
            call.begin_attempt(Cause::Failover);
        }
        self.sent = true;
        let is_last = self.tried.count_ones() as usize == self.targets.len();
        let request = if is_last { self.request.take() } else { self.request.clone() };
        let mut request = request.expect("only the last target takes the request, and each is tried once");
        if let Some(call) = self.classify.call_mut(&mut request) {
            call.set_another_can_serve(another_can_serve);
        }
        readied.call(request)
    }

    /// Whether the current target's result is the call's; if not, it is noted, and the call goes on.
    pub(crate) fn judge<Res>(&mut self, result: Result<Res, BoxError>) -> ControlFlow<Result<Res, BoxError>>
    where
        C: Classify<Res>,
    {
        let held = self.held.take();
        let ended = match self.classify.classify(result.as_ref()) {
            Verdict::Ended(ended) => ended,
            Verdict::Pending(_) => Outcome::Success.into(),
        };
        let Some(failure) = ended.outcome.failure() else {
            if let (Outcome::Success, Some(held)) = (ended.outcome, held) {
                self.state().cooler.recovered(held.seen, self.model());
            }
            return ControlFlow::Break(result);
        };
        let state = self.state();
        if let Some(time) = state.cooler.cool(failure, self.shape_model()) {
            tracing::info!(target_name = &*state.name, kind = failure.kind.as_str(), ?time, "target cools");
        }
        // After it has cooled: who takes the probe's slot next must see that.
        drop(held);
        if !failure.kind.fails_over() || self.targets.len() == 1 {
            return ControlFlow::Break(result);
        }
        let name = state.name.clone();
        let (response, error) = match result {
            Ok(response) => (Some(response), None),
            Err(error) => (None, Some(error)),
        };
        self.log.get_or_insert_default().record(name, failure, error, ended.usage);
        let out_of_time = self.carried.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if !out_of_time && self.anyone_is_left() {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(response.ok_or_else(|| self.exhausted(out_of_time)))
    }

    pub(crate) fn exhausted(&mut self, out_of_time: bool) -> BoxError {
        let log = self.log.take().unwrap_or_default();
        let others = (0..self.targets.len()).filter(|index| self.is_candidate(*index));
        let others =
            others.map(|index| Attempt::new(self.targets[index].state.name.clone(), self.reason(index)));
        log.exhausted(others, out_of_time).into()
    }

    fn reason(&self, index: usize) -> Reason {
        let state = &self.targets[index].state;
        match (self.rank(index), state.cooler.look(state.cooler.seen(self.model()))) {
            (Rank::Gated, _) => Reason::Gated,
            (_, Look::Cooling(cooldown)) => Reason::Cooling(cooldown),
            (Rank::InUse, _) => Reason::InUse,
            _ if self.unready & 1 << index != 0 => Reason::NotReady,
            _ => Reason::NotTried,
        }
    }

    fn rank(&self, index: usize) -> Rank {
        let state = &self.targets[index].state;
        if state.is_gated() {
            Rank::Gated
        } else if let Look::Cooling(_) = state.cooler.look(state.cooler.seen(self.model())) {
            Rank::Cooling
        } else if self.carried.targets.as_ref().is_some_and(|targets| targets.in_use(&state.name)) {
            Rank::InUse
        } else {
            Rank::Free
        }
    }

    /// Not tried, and not waited for already.
    fn is_candidate(&self, index: usize) -> bool {
        let waited_for = self.waiting.as_ref().map_or(0, |waiting| waiting.mask());
        (self.tried | waited_for) & 1 << index == 0
    }

    /// Whether a target is free that was ready, or not asked, when the current one was chosen.
    fn another_can_serve(&self) -> bool {
        (0..self.targets.len())
            .any(|index| (self.tried | self.unready) & 1 << index == 0 && self.rank(index) == Rank::Free)
    }

    fn anyone_is_left(&self) -> bool {
        (0..self.targets.len()).any(|index| {
            self.is_candidate(index) && (!self.upstream_failed() || self.rank(index) == Rank::Free)
        })
    }

    /// The candidates that cool, with the time left.
    fn cooling(&self) -> impl Iterator<Item = (usize, Duration)> {
        (0..self.targets.len()).filter_map(|index| {
            let state = &self.targets[index].state;
            match state.cooler.look(state.cooler.seen(self.model())) {
                Look::Cooling(cooldown) if self.is_candidate(index) && !state.is_gated() => {
                    Some((index, cooldown.remaining))
                }
                _ => None,
            }
        })
    }

    fn upstream_failed(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.upstream_failed())
    }

    fn state(&self) -> &State {
        &self.targets[self.current].state
    }

    fn model(&self) -> Option<&str> {
        self.shape_model().map(|model| &**model)
    }

    fn shape_model(&self) -> Option<&Arc<str>> {
        self.carried.shape.as_ref()?.model.as_ref()
    }
}
