//! One call, from the outermost layer's point of view.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use buttress_call::{
    BoxError, Call, Carries, Cause, Completion, Ended, Kind, Note, Observer, Outcome, Progress, Shape, find,
};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    meter, names,
    recorder::{Bill, End, Fate, Recorder},
    span,
};

/// What a call's attempts and the layers between them write down of it: it travels in the request.
#[derive(Debug)]
pub(crate) struct CallRecord {
    // Weak, because spare records rest in the recorder.
    recorder: Weak<Recorder>,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    shape: Option<Arc<Shape>>,
    /// The attempt that was answered last: it is the one whose answer the caller gets.
    answer: Option<Answer>,
    resolved: Option<Resolved>,
    counts: Counts,
    /// What the next retry follows from.
    retrying: Option<Kind>,
}

#[derive(Debug)]
struct Answer {
    attempt: u32,
    /// There once the attempt has ended before anybody knows whether the caller gets it.
    bill: Option<Bill>,
}

/// What the call's future has resolved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolved {
    Answered,
    Nothing,
}

/// What a call took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) attempts: u32,
    pub(crate) retries: u32,
    pub(crate) hedges: u32,
    pub(crate) failovers: u32,
    pub(crate) refusals: u32,
    pub(crate) wait: Duration,
}

impl CallRecord {
    fn new(recorder: &Arc<Recorder>) -> Self {
        CallRecord { recorder: Arc::downgrade(recorder), ledger: Mutex::default() }
    }

    /// That of this call, if this recorder's layer stands outside.
    pub(crate) fn of(call: &Call, recorder: &Arc<Recorder>) -> Option<Arc<CallRecord>> {
        let any: Arc<dyn std::any::Any + Send + Sync> = call.observer()?.clone();
        any.downcast::<CallRecord>().ok().filter(|record| record.recorder.as_ptr() == Arc::as_ptr(recorder))
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt begins: its number among the call's, and the kind of failure that it follows from, if it is known.
    pub(crate) fn attempt_began(&self, cause: Cause, shape: Option<&Arc<Shape>>) -> (u32, Option<Kind>) {
        let mut ledger = self.lock();
        if ledger.shape.is_none() {
            ledger.shape = shape.cloned();
        }
        let kind = if cause == Cause::Retry { ledger.retrying.take() } else { None };
        let counts = &mut ledger.counts;
        counts.attempts += 1;
        match cause {
            Cause::Retry => counts.retries += 1,
            Cause::Hedge => counts.hedges += 1,
            Cause::Failover => counts.failovers += 1,
            _ => {}
        }
        (counts.attempts, kind)
    }

    /// An attempt's future resolves to an answer. Returns the bill of an answer before it, which nobody gets.
    pub(crate) fn answered(&self, attempt: u32, recorder: &Recorder) -> Option<Bill> {
        let mut ledger = self.lock();
        if ledger.resolved.is_some() {
            return None;
        }
        let before = ledger.answer.replace(Answer { attempt, bill: None });
        let bill = before.and_then(|answer| answer.bill);
        if let Some(bill) = &bill {
            recorder.decide(bill, Fate::Wasted);
        }
        bill
    }

    /// An attempt ends: `post` writes that down, and returns the bill. A `good` one was answered, and did not fail.
    pub(crate) fn attempt_ended(
        &self,
        attempt: u32,
        good: bool,
        post: impl FnOnce(Fate) -> Bill,
    ) -> (Bill, Fate) {
        // Held while the recorder is written to, so that the call cannot resolve in between.
        let mut ledger = self.lock();
        let Ledger { answer, resolved, .. } = &mut *ledger;
        let Some(answer) = answer.as_mut().filter(|answer| good && answer.attempt == attempt) else {
            return (post(Fate::Wasted), Fate::Wasted);
        };
        let fate = match resolved {
            None => Fate::Undecided,
            Some(Resolved::Answered) => Fate::Useful,
            Some(Resolved::Nothing) => Fate::Wasted,
        };
        let bill = post(fate);
        if fate == Fate::Undecided {
            answer.bill = Some(bill.clone());
        }
        (bill, fate)
    }

    /// The call's future has resolved, or is gone. Returns the bill that is decided by that.
    fn resolved(&self, resolved: Resolved, recorder: &Recorder) -> Option<(Bill, Fate)> {
        let mut ledger = self.lock();
        if ledger.resolved.is_some() {
            return None;
        }
        ledger.resolved = Some(resolved);
        let bill = ledger.answer.as_mut().and_then(|answer| answer.bill.take())?;
        let fate = if resolved == Resolved::Answered { Fate::Useful } else { Fate::Wasted };
        recorder.decide(&bill, fate);
        Some((bill, fate))
    }
}

impl Observer for CallRecord {
    fn note(&self, call: &Call, note: Note<'_>) {
        let Some(recorder) = self.recorder.upgrade() else { return };
        {
            let mut ledger = self.lock();
            if ledger.shape.is_none() {
                ledger.shape = call.shape().cloned();
            }
            match note {
                Note::Waited { time, .. } => ledger.counts.wait += time,
                Note::Refused { .. } => ledger.counts.refusals += 1,
                Note::Retrying { kind, .. } => ledger.retrying = Some(kind),
                _ => {}
            }
        }
        recorder.note(&note);
        meter::note(&note);
    }
}

/// Counts a call once: when it ends, or when it is dropped.
#[derive(Debug)]
pub(crate) struct CallGuard {
    recorder: Arc<Recorder>,
    record: Option<Arc<CallRecord>>,
    operation: &'static str,
    model_is_known: bool,
    started: Instant,
    /// That of the attempt whose answer it is.
    progress: Option<Progress>,
    exhausted: bool,
    pub(crate) span: Span,
    settled: bool,
}

impl CallGuard {
    pub(crate) fn begin<Req>(
        recorder: &Arc<Recorder>,
        carries: &impl Carries<Req>,
        request: &mut Req,
    ) -> Self {
        let operation = names::operation(carries.path(request));
        let spare = recorder.call_began();
        let mut guard = CallGuard {
            recorder: recorder.clone(),
            record: None,
            operation,
            model_is_known: false,
            started: Instant::now(),
            progress: None,
            exhausted: false,
            span: Span::none(),
            settled: false,
        };
        meter::call_began();
        let model = carries.call(request).and_then(Call::shape).and_then(|shape| shape.model.clone());
        guard.model_is_known = model.is_some();
        guard.span = span::call(operation, model.as_deref());
        if let Some(call) = carries.call_mut(request) {
            let record = fresh(spare, recorder);
            call.observe(record.clone());
            guard.record = Some(record);
        }
        guard
    }

    /// The answer flows.
    pub(crate) fn answering(&mut self, completion: &Completion) {
        self.progress = Some(completion.progress().clone());
        self.resolve(Resolved::Answered);
    }

    /// The future has resolved to this end.
    pub(crate) fn resolved(&mut self, ended: &Ended, error: Option<&BoxError>) {
        self.exhausted = error.and_then(find).is_some_and(buttress_call::Error::is_exhausted);
        self.resolve(if ended.outcome.is_success() { Resolved::Answered } else { Resolved::Nothing });
        self.settle(ended.outcome);
    }

    fn resolve(&self, resolved: Resolved) {
        let Some(record) = &self.record else { return };
        if let Some((bill, fate)) = record.resolved(resolved, &self.recorder) {
            bill.tell(fate);
        }
    }

    pub(crate) fn settle(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.resolve(Resolved::Nothing);
        let at = Instant::now();
        let first = self.progress.as_ref().and_then(Progress::first_content_at);
        let end = End {
            outcome,
            at,
            duration: at.saturating_duration_since(self.started),
            first_content: first.map(|first| first.saturating_duration_since(self.started)),
        };
        let record = self.record.take();
        let (counts, shape) = record.as_ref().map_or_else(Default::default, |record| {
            let ledger = record.lock();
            (ledger.counts, ledger.shape.clone())
        });
        self.recorder.call_ended(&end, self.exhausted, record);
        let model = shape.as_ref().and_then(|shape| shape.model.as_deref());
        if !self.model_is_known {
            span::name(&self.span, self.operation, model);
        }
        span::call_ended(&self.span, &end, &counts, model);
        meter::call_ended(self.operation, &end, self.exhausted);
    }
}

impl Drop for CallGuard {
    /// Dropped with its future, or during a panic: then the call was cancelled.
    fn drop(&mut self) {
        self.settle(Outcome::Cancelled);
    }
}

/// A record for a new call. One that is over is used again, unless somebody still holds it.
fn fresh(spare: Option<Arc<CallRecord>>, recorder: &Arc<Recorder>) -> Arc<CallRecord> {
    if let Some(mut spare) = spare
        && let Some(record) = Arc::get_mut(&mut spare)
    {
        *record.ledger.get_mut().unwrap_or_else(PoisonError::into_inner) = Ledger::default();
        return spare;
    }
    Arc::new(CallRecord::new(recorder))
}
