//! What is written down of a call while it runs.

use std::{
    sync::{Arc, PoisonError, Weak},
    time::Duration,
};

use buttress_call::{Call, Cause, Kind, Note, Observer, Shape};

use crate::{
    meter,
    recorder::{Bill, Fate, Recorder},
    sync::{Mutex, MutexGuard},
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
pub(crate) enum Resolved {
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
    /// A record for a new call. One that is over is used again, unless somebody still holds it.
    pub(crate) fn fresh(spare: Option<Arc<CallRecord>>, recorder: &Arc<Recorder>) -> Arc<CallRecord> {
        if let Some(mut spare) = spare
            && let Some(record) = Arc::get_mut(&mut spare)
        {
            *record.ledger.get_mut().unwrap_or_else(PoisonError::into_inner) = Ledger::default();
            return spare;
        }
        Arc::new(CallRecord { recorder: Arc::downgrade(recorder), ledger: Mutex::default() })
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
    pub(crate) fn resolved(&self, resolved: Resolved, recorder: &Recorder) -> Option<(Bill, Fate)> {
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

    /// What the call has taken so far, and what is known of its request.
    pub(crate) fn summary(&self) -> (Counts, Option<Arc<Shape>>) {
        let ledger = self.lock();
        (ledger.counts, ledger.shape.clone())
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
