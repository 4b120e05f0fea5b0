//! One attempt, and what its result means for the call.

use std::ops::ControlFlow;

use buttress_call::{BoxError, Carries, Cause, Classify, Failure, Kind, Outcome, Usage, Verdict};
use tokio::time::Instant;
use tower_service::Service;

use super::{Rank, Tour};
use crate::{
    exhausted::{Attempt, Reason},
    target::MAX_TARGETS,
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
        let is_last = self.tried == u64::MAX >> (MAX_TARGETS - self.targets.len());
        let request = if is_last { self.request.take() } else { self.request.clone() };
        let mut request = request.expect("only the last target takes the request, and each is tried once");
        if let Some(call) = self.classify.call_mut(&mut request) {
            call.set_another_can_serve(self.carried.another_can_serve || self.another_can_serve());
        }
        readied.call(request)
    }

    /// Whether the current target's result is the call's; if not, it is noted, and the call goes on.
    #[inline]
    pub(crate) fn judge<Res>(&mut self, result: Result<Res, BoxError>) -> ControlFlow<Result<Res, BoxError>>
    where
        C: Classify<Res>,
    {
        let served = match self.classify.classify(result.as_ref()) {
            Verdict::Pending(_) => true,
            Verdict::Ended(ended) => match ended.outcome {
                Outcome::Failure(failure) => return self.failed(result, failure, ended.usage),
                outcome => outcome.is_success(),
            },
        };
        if self.held.is_some() {
            self.release(served);
        }
        ControlFlow::Break(result)
    }

    #[cold]
    fn release(&mut self, served: bool) {
        let held = self.held.take();
        if let (Some(held), true) = (held, served) {
            self.state().cooler.recovered(held.seen, self.model());
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
        if let Some(time) = state.cooler.cool(failure, self.model()) {
            tracing::info!(name = &*state.name, kind = failure.kind.as_str(), ?time, "target cools");
        }
        // After it has cooled: who takes the probe's slot next must see that.
        self.held = None;
        if !failure.kind.fails_over() || self.targets.len() == 1 {
            return ControlFlow::Break(result);
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
        let others = (0..self.targets.len()).filter(|index| self.is_candidate(*index));
        let others =
            others.map(|index| Attempt::new(self.targets[index].state.name.clone(), self.reason(index)));
        log.exhausted(others, out_of_time).into()
    }

    fn reason(&self, index: usize) -> Reason {
        match self.rank(index) {
            Rank::Gated => Reason::Gated,
            Rank::Cooling(cooldown) => Reason::Cooling(cooldown),
            Rank::InUse => Reason::InUse,
            Rank::Free if self.unready & 1 << index != 0 => Reason::NotReady,
            Rank::Free => Reason::NotTried,
        }
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
}
