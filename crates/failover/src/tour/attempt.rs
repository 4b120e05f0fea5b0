//! One attempt, and what its result means for the call.

use std::{ops::ControlFlow, sync::atomic::Ordering::Relaxed, time::Duration};

use buttress_call::{
    BoxError, Carries, Cause, Classify, Completion, Ended, Failure, Keep, Kind, Note, Outcome, Usage, Verdict,
};
use tokio::time::Instant;
use tower_service::Service;

use super::{Rank, Tour};
use crate::{
    Lack,
    exhausted::{Attempt, Reason},
    state::{Flowing, State},
    warm_up::Era,
};

impl<S, C, K> Tour<S, C, K> {
    /// Calls the current target, with the request or what was kept of it.
    #[inline]
    pub(crate) fn send<Req>(&mut self, mut readied: S, request: Option<Req>) -> S::Future
    where
        S: Service<Req>,
        C: Carries<Req, Kept = K>,
        K: Keep<Req>,
        Req: Clone,
    {
        let request = request.or_else(|| self.kept.take().map(K::into_request));
        let mut request = request.expect("only the last target's is not kept, and each is tried once");
        if let Some((from, kind)) = self.log.as_ref().and_then(|log| log.last()) {
            self.fails_over(from, kind, &request);
        }
        if let Some(call) = self.classify.call_mut(&mut request) {
            if self.sent {
                call.begin_attempt(Cause::Failover);
            }
            call.set_another_can_serve(self.carried.another_can_serve || self.another_can_serve());
        }
        self.sent = true;
        // A target that is added later finds no request, and is not tried.
        let is_last = self.fleet.all & !(self.tried | self.unfit) == 0;
        if !is_last {
            self.kept = Some(self.classify.keep(&mut request));
        }
        readied.call(request)
    }

    #[cold]
    fn fails_over<Req>(&self, from: &str, failed: Kind, request: &Req)
    where
        C: Carries<Req>,
    {
        let (to, kind) = (&*self.state().name, failed.as_str());
        if failed == Kind::Rejected {
            tracing::info!(from, to, kind, "failing over");
        } else {
            tracing::warn!(from, to, kind, "failing over");
        }
        if let Some(call) = self.classify.call(request) {
            call.tell(Note::FailingOver { from, to, kind: failed });
        }
    }

    /// The attempt did not resolve at its first poll: now it is seen in flight, and its time counts.
    #[inline]
    pub(crate) fn waits_for_answer(&mut self) {
        if self.since.is_none() {
            self.since = Some((Instant::now(), self.state().entered()));
        }
    }

    /// The failure that the current target's result is, with its usage; nothing, if the result is the caller's.
    #[inline]
    pub(crate) fn judge<Res>(&mut self, result: Result<&Res, &BoxError>) -> Option<(Failure, Option<Usage>)>
    where
        C: Classify<Res>,
    {
        let time = self.since.map(|(since, _)| {
            let now = Instant::now();
            (now.saturating_duration_since(since), now)
        });
        let served = match self.classify.classify(result) {
            Verdict::Pending(completion) => {
                self.flows(completion, time);
                true
            }
            Verdict::Ended(Ended { outcome: Outcome::Failure(failure), usage, .. }) => {
                return Some((failure, usage));
            }
            Verdict::Ended(Ended { outcome: Outcome::Success, .. }) => {
                self.state().succeeded(time, self.era());
                true
            }
            Verdict::Ended(_) => false,
        };
        self.leave();
        if self.in_use.is_some() || self.comeback.is_some() {
            self.release(served);
        }
        None
    }

    /// The answer is the caller's, but the target works on it until it ends.
    fn flows(&self, completion: &Completion, time: Option<(Duration, Instant)>) {
        let first_content = completion.progress().time_to_first_content().map(|first| {
            let now = time.map_or_else(Instant::now, |(_, now)| now);
            (first, now)
        });
        self.state().succeeded(first_content.or(time), self.era());
        if completion.ended().is_some_and(|ended| ended.outcome.is_success()) {
            return;
        }
        let flowing = Flowing::new(self.state());
        completion.on_end(move |ended| {
            if let Outcome::Failure(failure) = ended.outcome {
                flowing.failed(failure.kind);
            }
        });
    }

    fn leave(&mut self) {
        if let Some((_, era)) = self.since.take() {
            self.state().left(era);
        }
    }

    fn era(&self) -> Option<Era> {
        self.since.map(|(_, era)| era)
    }

    #[cold]
    fn release(&mut self, served: bool) {
        if let Some(comeback) = self.comeback.take()
            && served
        {
            self.state().cooler.recovered(comeback.seen, self.carried.model());
        }
        self.in_use = None;
    }

    /// Notes the failure. Its result is the call's if no other target may help.
    #[cold]
    pub(crate) fn failed<Res>(
        &mut self,
        result: Result<Res, BoxError>,
        (failure, usage): (Failure, Option<Usage>),
    ) -> ControlFlow<Result<Res, BoxError>> {
        let state = self.state();
        state.failed(failure.kind, self.era());
        if let Some(time) = state.cool(failure, self.carried.model()) {
            tracing::info!(name = &*state.name, kind = failure.kind.as_str(), ?time, "target cools");
        }
        self.leave();
        // After it has cooled: who takes the probe's slot next must see that.
        (self.comeback, self.in_use) = (None, None);
        let goes_on = failure.kind.fails_over()
            || failure.kind == Kind::Filtered && self.fleet.roster.filtered.load(Relaxed);
        if !goes_on || self.fleet.states.len() == 1 {
            return ControlFlow::Break(result);
        }
        let window = self.state().capabilities.window;
        let name = self.state().name.clone();
        let (response, error) = match result {
            Ok(response) => (Some(response), None),
            Err(error) => (None, Some(error)),
        };
        let log = self.log.get_or_insert_default();
        log.record(name, failure, error, usage);
        if failure.kind == Kind::ContextTooLong {
            log.outgrown = log.outgrown.max(window);
            self.judge_fitness();
        }
        let out_of_time = self.carried.deadline.is_some_and(|deadline| deadline <= Instant::now());
        if !out_of_time && self.anyone_is_left() {
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(response.ok_or_else(|| self.exhausted(out_of_time)))
    }

    pub(crate) fn exhausted(&mut self, out_of_time: bool) -> BoxError {
        let log = self.log.take().unwrap_or_default();
        let untried = self.fleet.states.iter().filter(|state| self.tried & state.bit() == 0);
        let others = untried.map(|state| Attempt::new(state.name.clone(), self.reason(state)));
        let error = log.exhausted(others, out_of_time);
        let kind = error.kind().as_str();
        if error.kind() == Kind::Rejected {
            tracing::info!(kind, reason = %error, "no target left");
        } else {
            tracing::warn!(kind, reason = %error, "no target left");
        }
        error.into()
    }

    fn reason(&self, state: &State) -> Reason {
        if self.unfit & state.bit() != 0 {
            let lack = self.carried.shape.as_ref().and_then(|shape| state.capabilities.lack(shape));
            // What fits by the estimate was found to be too small by another target's answer.
            return Reason::Lacks(lack.unwrap_or(Lack::Window));
        }
        match self.carried.rank(state) {
            Rank::Drained => Reason::Drained,
            Rank::Gated => Reason::Gated,
            Rank::Cooling(cooldown) => Reason::Cooling(cooldown),
            Rank::InUse => Reason::InUse,
            Rank::Free | Rank::Warming if self.unready & state.bit() != 0 => Reason::NotReady,
            Rank::Free | Rank::Warming => Reason::NotTried,
        }
    }

    /// Whether a target is free that was ready, or not asked, when the current one was chosen.
    fn another_can_serve(&self) -> bool {
        let passed = self.tried | self.unfit | self.unready;
        self.fleet.states.iter().any(|state| passed & state.bit() == 0 && self.is_free(state))
    }

    fn is_free(&self, state: &State) -> bool {
        self.carried.rank(state) == Rank::Free
    }

    fn anyone_is_left(&mut self) -> bool {
        self.refresh();
        (self.kept.is_some() || !self.sent)
            && self.candidates().any(|index| match self.rank(index) {
                Rank::Free | Rank::Warming => true,
                Rank::Drained => false,
                _ => !self.upstream_failed(),
            })
    }
}
