//! One attempt, from just outside of the provider layer.

use std::sync::Arc;

use buttress_call::{Attempt, Call, Carries, Cause, Completion, Ended, Outcome, Progress, Shape};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    meter, names,
    record::CallRecord,
    recorder::{End, Fate, Recorder},
    span,
};

/// Counts an attempt once: when it ends, or when it is dropped.
#[derive(Debug)]
pub(crate) struct AttemptGuard {
    recorder: Arc<Recorder>,
    target: usize,
    name: Arc<str>,
    /// The call's record, and the attempt's number in it.
    call: Option<(Arc<CallRecord>, u32)>,
    operation: &'static str,
    cause: Cause,
    shape: Option<Arc<Shape>>,
    progress: Option<Progress>,
    started: Instant,
    answered: bool,
    pub(crate) span: Span,
    settled: bool,
}

impl AttemptGuard {
    pub(crate) fn begin<Req>(
        recorder: &Arc<Recorder>,
        target: usize,
        [name, provider]: [&Arc<str>; 2],
        carries: &impl Carries<Req>,
        request: &mut Req,
    ) -> Self {
        let operation = names::operation(carries.path(request));
        let call = carries.call_mut(request);
        // The usage of an attempt that is dropped stands nowhere else.
        let progress = call.map(|call| call.ensure_progress().clone());
        let call = carries.call(request);
        let Attempt { cause, .. } = call.map(Call::attempt).unwrap_or_default();
        let shape = call.and_then(Call::shape).cloned();
        let record = call.and_then(|call| CallRecord::of(call, recorder));
        let started = Instant::now();
        let mut kind = None;
        let call = record.map(|record| {
            let (number, follows) = record.attempt_began(cause, shape.as_ref());
            kind = follows;
            (record, number)
        });
        recorder.attempt_began(target, cause, kind, started);
        let mut guard = AttemptGuard {
            recorder: recorder.clone(),
            target,
            name: name.clone(),
            call,
            operation,
            cause,
            shape,
            progress,
            started,
            answered: false,
            span: Span::none(),
            settled: false,
        };
        guard.span = span::attempt(operation, guard.shape.as_deref(), name, provider, cause);
        guard
    }

    /// The answer flows.
    pub(crate) fn answering(&mut self, completion: &Completion) {
        self.progress = Some(completion.progress().clone());
        self.answer();
    }

    /// The future has resolved to this end.
    pub(crate) fn resolved(&mut self, ended: &Ended) {
        if ended.outcome.is_success() {
            self.answer();
        }
        self.settle(ended);
    }

    fn answer(&mut self) {
        self.answered = true;
        if let Some((record, number)) = &self.call
            && let Some(bill) = record.answered(*number, &self.recorder)
        {
            bill.tell(Fate::Wasted);
        }
    }

    pub(crate) fn settle(&mut self, ended: &Ended) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        let Ended { outcome, usage, .. } = *ended;
        let at = Instant::now();
        let progress = self.progress.as_ref();
        let end = End {
            outcome,
            at,
            duration: at.saturating_duration_since(self.started),
            first_content: progress.and_then(Progress::time_to_first_content),
        };
        let usage = usage.or_else(|| progress.and_then(Progress::usage));
        // Where nobody marks the send, an attempt that was made is taken to be sent.
        let sent = progress.is_none_or(|progress| progress.sent_at().is_some());
        let model = self.shape.as_ref().and_then(|shape| shape.model.as_ref());
        let post =
            |fate| self.recorder.attempt_ended(self.target, (self.operation, model), &end, usage, sent, fate);
        let good = self.answered && outcome.failure().is_none();
        let (bill, fate) = if let Some((record, number)) = &self.call {
            record.attempt_ended(*number, good, post)
        } else {
            let fate = if good { Fate::Useful } else { Fate::Wasted };
            (post(fate), fate)
        };
        span::attempt_ended(
            &self.span,
            &end,
            usage.as_ref(),
            &self.name,
            model.map(|model| &**model),
            self.cause,
        );
        meter::attempt_ended(self.cause, &end, usage.as_ref(), progress, &bill.labels);
        bill.tell(fate);
    }
}

impl Drop for AttemptGuard {
    /// Dropped with its future, or during a panic: then the attempt was cancelled.
    fn drop(&mut self) {
        self.settle(&Ended::new(Outcome::Cancelled));
    }
}
