//! One call, from the outermost layer's point of view.

use std::sync::Arc;

use buttress_call::{BoxError, Call, Carries, Completion, Ended, Outcome, Progress, find};
use tokio::time::Instant;
use tracing::Span;

use crate::{
    meter, names,
    record::{CallRecord, Resolved},
    recorder::{End, Recorder},
    span,
};

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
            let record = CallRecord::fresh(spare, recorder);
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
        let (counts, shape) = record.as_ref().map(|record| record.summary()).unwrap_or_default();
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
