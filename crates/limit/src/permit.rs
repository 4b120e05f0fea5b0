//! What a call holds from its admission to its end.

use std::sync::Arc;

use buttress_call::{
    BoxError, Call, Classify, Ended, Failure, Kind, Outcome, Progress, Settle, Usage, Verdict,
};

use tokio::time::Instant;

use crate::{
    Estimate,
    engine::{Charge, Ticket, Told},
    gate::{RateLimited, Settlement},
    shared::Limits,
};

/// A call that was let through. It is settled once: by its end, or by being dropped.
///
/// It lives in the call's future and goes on in the completion's hook while an answer flows, so that it knows of every end
/// there is.
#[derive(Debug)]
pub(crate) struct Permit {
    limits: Arc<Limits>,
    ticket: Ticket,
    estimate: Estimate,
    progress: Option<Progress>,
    /// This layer's own mark of the send, which says nothing of who else marks any.
    own_mark: Option<Instant>,
    /// Whether the inner service was called: before that nothing can have been sent.
    called: bool,
    settled: bool,
}

impl Permit {
    pub(crate) fn new(limits: Arc<Limits>, ticket: Ticket, estimate: Estimate) -> Self {
        Permit { limits, ticket, estimate, progress: None, own_mark: None, called: false, settled: false }
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The inner service is about to be called with this.
    pub(crate) fn calling(&mut self, call: Option<&Call>) {
        self.called = true;
        self.progress = call.and_then(Call::progress).cloned();
    }

    /// Like [`calling`](Permit::calling), but some time after the call was let through.
    pub(crate) fn calling_late(&mut self, call: Option<&Call>) {
        self.limits.gate.renew(self.limits.common.now(), &mut self.ticket);
        self.calling(call);
        if let Some(progress) = self.progress.as_ref().filter(|progress| progress.is_waiting()) {
            // The wait is over, also where nobody further inside marks the send.
            progress.mark_sent();
            self.own_mark = progress.sent_at();
        }
    }

    /// The call's future has resolved.
    pub(crate) fn resolved<Res, C: Classify<Res>>(mut self, classify: &C, result: Result<&Res, &BoxError>) {
        let told = Told { limits: classify.limits(result), charging: classify.charging(result) };
        match classify.classify(result) {
            Verdict::Ended(ended) => self.settle(&ended, &told),
            Verdict::Pending(completion) => {
                self.progress = Some(completion.progress().clone());
                let now = (!told.is_empty()).then(|| self.limits.common.now());
                self.limits.gate.answered(now, &mut self.ticket, &told);
                completion.on_end(move |ended| self.settle(ended, &Told::default()));
            }
        }
    }

    fn settle(&mut self, ended: &Ended, told: &Told) {
        self.settled = true;
        let marked = self.progress.as_ref().and_then(Progress::sent_at);
        if marked.is_some() && marked != self.own_mark {
            self.limits.common.saw_a_tick();
        }
        let usage = ended.usage.or_else(|| self.progress.as_ref().and_then(Progress::usage));
        let rate_limited = match ended.outcome {
            Outcome::Failure(Failure { kind: Kind::RateLimited, retry_after, .. }) => {
                Some(RateLimited { hint: retry_after })
            }
            _ => None,
        };
        let charge = self.charge(ended.outcome, usage.as_ref());
        if ended.outcome.is_success() {
            self.learn(usage.as_ref());
        }
        // A call that costs what was held needs no clock.
        let plain = ended.outcome.is_success() && usage.is_none() && told.is_empty();
        let now = (!plain).then(|| self.limits.common.now());
        let settlement = Settlement { charge, rate_limited, told };
        let blocked = self.limits.gate.settle(now, &self.ticket, &settlement);
        if let Some(blocked) = blocked {
            let hinted = rate_limited.is_some_and(|limited| limited.hint.is_some());
            let block_ms = blocked.as_millis() as u64;
            tracing::info!(
                limiter = self.limits.common.name(),
                block_ms,
                hinted,
                "the provider limits the rate"
            );
        }
    }

    /// What the call has cost, as far as anybody can know.
    fn charge(&self, outcome: Outcome, usage: Option<&Usage>) -> Charge {
        let input = usage.map_or(self.ticket.need.input, |usage| self.charged_input(usage));
        let events = self.progress.as_ref().map_or(0, Progress::content_events);
        let generated = usage.map_or(events, |usage| usage.output.max(events));
        let counted = Charge::tokens(input, generated);
        match outcome {
            Outcome::Success => {
                // Nobody counted: it has cost what was held for it.
                let unknown = usage.is_none() && events == 0;
                let output = if unknown { self.ticket.need.output } else { counted.output };
                Charge { output, answered: true, ..counted }
            }
            Outcome::Failure(_) if generated > 0 => counted,
            Outcome::Failure(failure) => match failure.kind.settle() {
                Settle::GiveBack if matches!(failure.kind, Kind::Connect | Kind::Rejected) => Charge::UNSENT,
                Settle::ByProfile if self.limits.gate.charging().failed_requests_count => counted,
                Settle::KeepInput => counted,
                _ => Charge::FREE,
            },
            // Whatever an outcome is called later on, the call is over and nobody knows more of it.
            _ if generated > 0 || self.was_sent() => counted,
            _ => Charge::UNSENT,
        }
    }

    /// What of the prompt counts.
    fn charged_input(&self, usage: &Usage) -> u64 {
        let free = self.limits.gate.charging().cached_input_free;
        usage.input.saturating_sub(if free { usage.cached_input } else { 0 })
    }

    /// Where nobody ticks the clock of an attempt, a call that was made is taken to be sent.
    fn was_sent(&self) -> bool {
        let sent = self.progress.as_ref().map(|progress| progress.sent_at().is_some());
        self.called && (sent != Some(false) || !self.limits.common.is_ticked())
    }

    fn learn(&self, usage: Option<&Usage>) {
        let events = self.progress.as_ref().map_or(0, Progress::content_events);
        if let Some(usage) = usage {
            let model = self.estimate.model.as_ref();
            if usage.input > 0 {
                self.limits.common.factors.learn(model, self.estimate.input, self.charged_input(usage));
            }
            self.limits.saw_output(usage.output.max(events));
        } else if events > 0 {
            self.limits.saw_output(events);
        }
    }
}

impl Drop for Permit {
    /// Dropped with its future, or during a panic: then the call was cancelled.
    fn drop(&mut self) {
        if !self.settled {
            self.settle(&Ended::new(Outcome::Cancelled), &Told::default());
        }
    }
}
