//! One attempt, and what its result means for the call.

use std::{ops::ControlFlow, sync::atomic::Ordering::Relaxed, time::Duration};

use buttress_call::{
    BoxError, Carries, Cause, Classify, Completion, Failure, Kind, Note, Outcome, Usage, Verdict,
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

impl<S, C, Req> Tour<S, C, Req> {
    /// Calls the current target.
    #[inline]
    pub(crate) fn send(&mut self, mut readied: S) -> S::Future
    where
        S: Service<Req>,
        C: Carries<Req>,
        Req: Clone,
    {
        if let Some((from, kind)) = self.log.as_ref().and_then(|log| log.last()) {
            self.fails_over(from, kind);
        }
        let kept = self.request.take();
        let kept = kept.expect("only the last target's is not kept, and each is tried once");
        let mut request = kept.into_request();
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
            self.request = Some(self.classify.keep(&mut request));
        }
        readied.call(request)
    }

    #[cold]
    fn fails_over(&self, from: &str, failed: Kind)
    where
        C: Carries<Req>,
    {
        let (to, kind) = (&*self.state().name, failed.as_str());
        if failed == Kind::Rejected {
            tracing::info!(from, to, kind, "failing over");
        } else {
            tracing::warn!(from, to, kind, "failing over");
        }
        if let Some(call) = self.request.as_ref().and_then(|kept| kept.call(&self.classify)) {
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

    /// Whether the current target's result is the call's; if not, it is noted, and the call goes on.
    #[inline]
    pub(crate) fn judge<Res>(&mut self, result: Result<Res, BoxError>) -> ControlFlow<Result<Res, BoxError>>
    where
        C: Classify<Res>,
    {
        let time = self.since.map(|(since, _)| since.elapsed());
        let served = match self.classify.classify(result.as_ref()) {
            Verdict::Pending(completion) => {
                self.flows(completion, time);
                true
            }
            Verdict::Ended(ended) => match ended.outcome {
                Outcome::Failure(failure) => return self.failed(result, failure, ended.usage),
                outcome => {
                    let served = outcome.is_success();
                    if served {
                        self.state().succeeded(time, self.era());
                    }
                    served
                }
            },
        };
        self.leave();
        if self.held.is_some() {
            self.release(served);
        }
        ControlFlow::Break(result)
    }

    /// The answer is the caller's, but the target works on it until it ends.
    fn flows(&self, completion: &Completion, time: Option<Duration>) {
        let first_content = completion.progress().time_to_first_content();
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
        let held = self.held.take();
        if let (Some(held), true) = (held, served) {
            self.state().cooler.recovered(held.seen, self.carried.model());
        }
    }

    #[cold]
    fn failed<Res>(
        &mut self,
        result: Result<Res, BoxError>,
        failure: Failure,
        usage: Option<Usage>,
    ) -> ControlFlow<Result<Res, BoxError>> {
        let state = self.state();
        state.failed(failure.kind, self.era());
        if let Some(time) = state.cool(failure, self.carried.model()) {
            tracing::info!(name = &*state.name, kind = failure.kind.as_str(), ?time, "target cools");
        }
        self.leave();
        // After it has cooled: who takes the probe's slot next must see that.
        self.held = None;
        let goes_on = failure.kind.fails_over()
            || failure.kind == Kind::Filtered && self.fleet.roster.filtered.load(Relaxed);
        if !goes_on || self.fleet.states.len() == 1 {
            return ControlFlow::Break(result);
        }
        if failure.kind == Kind::ContextTooLong {
            self.outgrown = self.outgrown.max(self.state().capabilities.window);
            self.judge_fitness();
        }
        let name = self.state().name.clone();
        let (response, error) = match result {
            Ok(response) => (Some(response), None),
            Err(error) => (None, Some(error)),
        };
        self.log.get_or_insert_default().record(name, failure, error, usage);
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
        self.request.is_some()
            && self.candidates().any(|index| match self.rank(index) {
                Rank::Free | Rank::Warming => true,
                Rank::Drained => false,
                _ => !self.upstream_failed(),
            })
    }
}
