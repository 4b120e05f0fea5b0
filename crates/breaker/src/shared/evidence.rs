//! What a call's end does to the circuit.

use std::time::Duration;

use buttress_call::Failure;

use super::{Now, Shared};
use crate::{
    Reason,
    circuit::{Effect, Ticket},
    policy::micros,
    window::Sum,
    word::Mode,
};

impl Shared {
    pub(crate) fn success(&self, ticket: Ticket, now: &mut Now) {
        if self.circuit.is_unharmed(ticket) {
            return self.good(ticket, now);
        }
        let slots = if ticket.lease.is_some() { self.policy().probes } else { 0 };
        match self.circuit.success(ticket, slots) {
            Effect::Counted if ticket.lease.is_none() => self.good(ticket, now),
            Effect::Changed(change) => self.publish(change, Reason::ProbesSucceeded),
            Effect::Counted | Effect::Stale => {}
        }
    }

    #[inline]
    fn good(&self, ticket: Ticket, now: &mut Now) {
        if self.failures.is_on() {
            self.failures.good(self.tick(ticket.generation, now));
        }
    }

    pub(crate) fn failure(&self, ticket: Ticket, failure: Failure, now: &mut Now) {
        if !self.settings.counts(failure.kind) {
            return self.release(ticket);
        }
        let until = |reopened| self.open_until(reopened, failure.retry_after);
        match self.circuit.failure(ticket.generation, self.settings.consecutive(), until) {
            Effect::Changed(change) => {
                let reason = match change.from.mode() {
                    Mode::HalfOpen => Reason::ProbeFailed(failure.kind),
                    _ => Reason::ConsecutiveFailures {
                        failures: change.from.payload() + 1,
                        kind: failure.kind,
                    },
                };
                self.publish(change, reason);
            }
            Effect::Counted if self.failures.is_on() => {
                if let Some(Sum { total, bad: failed }) = self.failures.bad(self.tick(ticket.generation, now))
                {
                    self.trip(ticket, failure.retry_after, Reason::FailureRate { failed, total });
                }
            }
            Effect::Counted | Effect::Stale => {}
        }
    }

    /// A time to first content. A slow one is a failed probe; in a closed circuit it counts towards the slow rate.
    pub(crate) fn first_content(&self, ticket: Ticket, time: Duration, now: &mut Now) {
        let time = micros(time);
        let limit = self.slow_limit();
        let slow = limit.is_some_and(|limit| time > limit);
        self.baseline.record(time, slow);
        let word = self.circuit.word();
        // Without a measure nothing is fast either: such calls stay out of the window.
        if limit.is_none() || word.generation() != ticket.generation {
            return;
        }
        match (word.mode(), slow) {
            (Mode::Closed, false) => self.slow.good(self.tick(ticket.generation, now)),
            (Mode::Closed, true) => {
                if let Some(Sum { total, bad: slow }) = self.slow.bad(self.tick(ticket.generation, now)) {
                    self.trip(ticket, None, Reason::SlowRate { slow, total });
                }
            }
            (Mode::HalfOpen, true) => self.trip(ticket, None, Reason::ProbeSlow),
            _ => {}
        }
    }

    /// Whether a call without content is slow at this age.
    pub(crate) fn is_slow(&self, age: Duration) -> bool {
        self.slow_limit().is_some_and(|limit| micros(age) > limit)
    }

    fn slow_limit(&self) -> Option<u64> {
        self.settings.slow_limit(|| self.baseline.value(self.slow.minimum()))
    }

    /// Too large a share of bad calls.
    fn trip(&self, ticket: Ticket, hint: Option<Duration>, reason: Reason) {
        let until = |reopened| self.open_until(reopened, hint);
        if let Effect::Changed(change) = self.circuit.trip(ticket.generation, until) {
            self.publish(change, reason);
        }
    }

    /// The call says nothing about the target.
    pub(crate) fn release(&self, ticket: Ticket) {
        self.circuit.release(ticket, || self.policy().probes);
    }

    /// The target could not even become ready: a failure without a permit, so of the generation that it happens in.
    pub(crate) fn unready(&self, failure: Failure) {
        let generation = self.circuit.word().generation();
        self.failure(Ticket { generation, lease: None }, failure, &mut Now::default());
    }
}
