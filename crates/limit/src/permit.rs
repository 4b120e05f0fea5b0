//! What a call holds from its admission to its end.

use std::sync::Arc;

use buttress_call::{
    BoxError, Call, Charging, Classify, Ended, Failure, Kind, Outcome, Progress, Settle, Usage, Verdict,
};

use tokio::time::Instant;

use crate::{
    Estimate,
    calls::Held,
    engine::{Charge, Need, Told},
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
    /// Gone once it is settled.
    held: Option<Held>,
    /// The estimated tokens of the prompt.
    input: u64,
    model: Option<Arc<str>>,
    progress: Option<Progress>,
    /// This layer's own mark of the send, which says nothing of who else marks any.
    own_mark: Option<Instant>,
    /// Whether the inner service was called: before that nothing can have been sent.
    called: bool,
}

impl Permit {
    #[inline]
    pub(crate) fn new(limits: Arc<Limits>, held: Held, estimate: Estimate) -> Self {
        let Estimate { input, model, .. } = estimate;
        Permit { limits, held: Some(held), input, model, progress: None, own_mark: None, called: false }
    }

    pub(crate) fn limits(&self) -> &Arc<Limits> {
        &self.limits
    }

    /// The inner service is about to be called with this.
    #[inline]
    pub(crate) fn calling(&mut self, call: Option<&Call>) {
        self.called = true;
        self.progress = call.and_then(Call::progress).cloned();
    }

    /// Like [`calling`](Permit::calling), but some time after the call was let through.
    pub(crate) fn calling_late(&mut self, call: Option<&Call>) {
        if let Some(held) = &self.held {
            self.limits.gate.renew(self.limits.common.now(), held);
        }
        self.calling(call);
        if let Some(progress) = self.progress.as_ref().filter(|progress| progress.is_waiting()) {
            // The wait is over, also where nobody further inside marks the send.
            progress.mark_sent();
            self.own_mark = progress.sent_at();
        }
    }

    /// The call's future has resolved. The permit is settled where it lies, or goes on in the completion's hook.
    #[inline]
    pub(crate) fn resolved<Res, C: Classify<Res>>(
        slot: &mut Option<Permit>,
        classify: &C,
        result: Result<&Res, &BoxError>,
    ) {
        let Some(permit) = slot else { return };
        let told = Told { limits: classify.limits(result), charging: classify.charging(result) };
        match &classify.classify(result) {
            Verdict::Ended(ended) => permit.settle(ended, &told),
            Verdict::Pending(completion) => {
                permit.progress = Some(completion.progress().clone());
                if let Some(held) = &permit.held {
                    let now = (!told.is_empty()).then(|| permit.limits.common.now());
                    permit.limits.gate.answered(now, held, &told);
                }
                if let Some(mut permit) = slot.take() {
                    completion.on_end(move |ended| permit.settle(ended, &Told::default()));
                }
            }
        }
    }

    #[inline]
    fn settle(&mut self, ended: &Ended, told: &Told) {
        let Some(held) = self.held.take() else { return };
        let plain = ended.outcome.is_success() && ended.usage.is_none() && told.is_empty();
        if plain && self.progress.is_none() {
            return self.limits.gate.end(held);
        }
        self.settle_known(held, ended, told);
    }

    /// Something more than its outcome may be known of the call.
    fn settle_known(&mut self, held: Held, ended: &Ended, told: &Told) {
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
        // Such a call costs what was counted or held, and needs no clock.
        let plain = ended.outcome.is_success() && usage.is_none() && told.is_empty();
        if plain && self.content_events() == 0 {
            return self.limits.gate.end(held);
        }
        let now = (!plain).then(|| self.limits.common.now());
        let charge = |need: &Need, charging| self.charge(ended.outcome, usage.as_ref(), need, charging);
        let settled = self.limits.gate.settle(now, held, Settlement { charge, rate_limited, told });
        if ended.outcome.is_success() {
            self.learn(usage.as_ref(), settled.charging);
        }
        if let Some(blocked) = settled.blocked {
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
    #[inline]
    fn charge(&self, outcome: Outcome, usage: Option<&Usage>, need: &Need, charging: Charging) -> Charge {
        let input = usage.map_or(need.input, |usage| charged_input(usage, charging));
        let events = self.content_events();
        let generated = usage.map_or(events, |usage| usage.output.max(events));
        let counted = Charge::tokens(input, generated);
        match outcome {
            Outcome::Success => {
                // Nobody counted: it has cost what was held for it.
                let unknown = usage.is_none() && events == 0;
                let output = if unknown { need.output } else { counted.output };
                Charge { output, answered: true, ..counted }
            }
            Outcome::Failure(_) if generated > 0 => counted,
            Outcome::Failure(failure) => match failure.kind.settle() {
                Settle::GiveBack if matches!(failure.kind, Kind::Connect | Kind::Rejected) => Charge::UNSENT,
                Settle::ByProfile if charging.failed_requests_count => counted,
                Settle::KeepInput => counted,
                _ => Charge::FREE,
            },
            // Whatever an outcome is called later on, the call is over and nobody knows more of it.
            _ if generated > 0 || self.was_sent() => counted,
            _ => Charge::UNSENT,
        }
    }

    fn content_events(&self) -> u64 {
        self.progress.as_ref().map_or(0, Progress::content_events)
    }

    /// Where nobody ticks the clock of an attempt, a call that was made is taken to be sent.
    fn was_sent(&self) -> bool {
        let sent = self.progress.as_ref().map(|progress| progress.sent_at().is_some());
        self.called && (sent != Some(false) || !self.limits.common.is_ticked())
    }

    fn learn(&self, usage: Option<&Usage>, charging: Charging) {
        let events = self.content_events();
        if let Some(usage) = usage {
            if usage.input > 0 {
                let charged = charged_input(usage, charging);
                self.limits.common.factors.learn(self.model.as_ref(), self.input, charged);
            }
            self.limits.saw_output(usage.output.max(events));
        } else if events > 0 {
            self.limits.saw_output(events);
        }
    }
}

impl Drop for Permit {
    /// Dropped with its future, or during a panic: then the call was cancelled.
    #[inline]
    fn drop(&mut self) {
        if self.held.is_some() {
            self.settle(&Ended::new(Outcome::Cancelled), &Told::default());
        }
    }
}

/// What of the prompt counts.
fn charged_input(usage: &Usage, charging: Charging) -> u64 {
    let free = if charging.cached_input_free { usage.cached_input } else { 0 };
    usage.input.saturating_sub(free)
}
