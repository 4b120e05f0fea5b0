//! What a call holds from its admission to its end.

use std::sync::Arc;

use buttress_call::{Call, Ended, Failure, Kind, Outcome, Progress, Verdict};
use tokio::time::Instant;

use crate::{
    circuit::Ticket,
    shared::{Now, Shared},
};

/// A call that was let through. It is settled once: by the outcome, or by being dropped.
///
/// It lives in the call's future, and goes on in the completion's hook while a stream flows, so that it knows of every
/// end there is.
#[derive(Debug)]
pub(crate) struct Permit {
    shared: Arc<Shared>,
    ticket: Ticket,
    deadline: Option<Instant>,
    progress: Option<Progress>,
    /// When the call came; only if times to first content are looked at.
    called: Option<Instant>,
    settled: bool,
}

impl Permit {
    #[inline]
    pub(crate) fn new(shared: Arc<Shared>, ticket: Ticket) -> Self {
        let called = shared.times().then(Instant::now);
        Permit { shared, ticket, deadline: None, progress: None, called, settled: false }
    }

    /// Notes what the request carries.
    #[inline]
    pub(crate) fn read(&mut self, call: Option<&Call>) {
        let Some(call) = call else { return };
        self.deadline = call.deadline();
        self.progress = call.progress().cloned();
        // A whole answer takes as long as it is: only streams are slow or not.
        if call.shape().is_some_and(|shape| !shape.stream) {
            self.called = None;
        }
    }

    /// The call's future has resolved. Says until when the circuit refuses calls, if this was a failure that leaves it so.
    ///
    /// It is settled where it lies, or goes on in the completion's hook.
    #[inline]
    pub(crate) fn resolved(slot: &mut Option<Permit>, verdict: &Verdict<'_>) -> Option<Instant> {
        let permit = slot.as_mut().filter(|permit| !permit.settled)?;
        match verdict {
            Verdict::Ended(ended) => {
                permit.settle(ended.outcome);
                ended.outcome.failure().and_then(|_| permit.shared.refuses_until())
            }
            Verdict::Pending(completion) => {
                permit.progress = Some(completion.progress().clone());
                permit.answering();
                if let Some(permit) = slot.take() {
                    completion.on_end(move |ended| permit.ended(ended));
                }
                None
            }
        }
    }

    /// The answer has begun. Slowness is known from here on, and a probe has seen enough: a recovery need not wait for
    /// the end of a long answer. What the stream does later still counts while the circuit is half-open.
    fn answering(&mut self) {
        if self.first_content_at().is_none() {
            return;
        }
        let now = &mut Now::default();
        self.time(false, now);
        if self.ticket.lease.is_some() {
            self.shared.success(self.ticket, now);
            self.ticket.lease = None;
        }
    }

    fn ended(mut self, ended: &Ended) {
        self.settle(ended.outcome);
    }

    fn settle(&mut self, outcome: Outcome) {
        self.settled = true;
        let now = &mut Now::default();
        match outcome {
            Outcome::Success => {
                self.time(true, now);
                self.shared.success(self.ticket, now);
            }
            Outcome::Failure(failure) => {
                self.time(false, now);
                self.shared.failure(self.ticket, failure, now);
                self.tell_if_open();
            }
            // Whatever an outcome is called later on, nobody here can hold it against the target.
            _ => self.cancelled(now),
        }
    }

    /// Whoever thinks about trying again need not wait for less than this.
    fn tell_if_open(&self) {
        if let Some(progress) = &self.progress
            && let Some(until) = self.shared.refuses_until()
        {
            progress.mark_closed_until(until);
        }
    }

    /// The caller walked away. Before the first content that is evidence, if he had waited for long enough.
    fn cancelled(&mut self, now: &mut Now) {
        let waiting = self.progress.as_ref().is_some_and(Progress::is_waiting);
        if self.first_content_at().is_some() {
            self.time(false, now);
        } else if !waiting {
            // An outer timer fires *at* the deadline.
            if self.deadline.is_some_and(|deadline| deadline <= now.get())
                && self.shared.counts(Kind::Timeout)
            {
                return self.shared.failure(self.ticket, Failure::new(Kind::Timeout), now);
            }
            if let Some(called) = self.called.take() {
                let age = now.get().saturating_duration_since(self.sent_at().unwrap_or(called));
                if self.shared.is_slow(age) {
                    self.shared.first_content(self.ticket, age, now);
                }
            }
        }
        self.shared.release(self.ticket);
    }

    /// Reports the time to first content, once. An answer that ended well without any has taken until now.
    fn time(&mut self, answered: bool, now: &mut Now) {
        let Some(called) = self.called else { return };
        let time = match self.progress.as_ref().and_then(Progress::time_to_first_content) {
            Some(time) => time,
            None if answered => now.get().saturating_duration_since(self.sent_at().unwrap_or(called)),
            None => return,
        };
        self.called = None;
        self.shared.first_content(self.ticket, time, now);
    }

    fn sent_at(&self) -> Option<Instant> {
        self.progress.as_ref().and_then(Progress::sent_at)
    }

    fn first_content_at(&self) -> Option<Instant> {
        self.progress.as_ref().and_then(Progress::first_content_at)
    }
}

impl Drop for Permit {
    /// Dropped with its future, or during a panic: then the call was cancelled.
    fn drop(&mut self) {
        if !self.settled {
            self.settle(Outcome::Cancelled);
        }
    }
}
