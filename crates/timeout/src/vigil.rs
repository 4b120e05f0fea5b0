//! One call under watch.

use std::{sync::Arc, time::Duration};

use buttress_call::{Call, Error, Kind, Progress};
use tokio::time::Instant;

use crate::{
    Elapsed, Phase,
    estimate::{Estimate, Shared},
};

/// The name of this layer in [`Origin`](buttress_call::Origin).
const LAYER: &str = "timeout";

/// The limits of one call, and the clock they are read against.
#[derive(Clone, Debug)]
pub struct Vigil {
    shared: Arc<Shared>,
    progress: Option<Progress>,
    started: Instant,
    deadline: Option<Instant>,
    /// Until a stream's first content, or until a whole answer: fixed when the call begins, so that it does not move
    /// while it is waited for.
    limit: Option<Duration>,
    stream: bool,
}

/// When the next limit is over, and which one that is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) phase: Phase,
    pub(crate) limit: Duration,
}

impl Due {
    fn after(from: Instant, limit: Duration, phase: Phase) -> Option<Due> {
        // What lies beyond the end of time is no limit.
        Some(Due { at: from.checked_add(limit)?, phase, limit })
    }

    /// At the same instant the narrower limit speaks, which is `self`.
    pub(crate) fn or_earlier(this: Option<Due>, other: Option<Due>) -> Option<Due> {
        match (this, other) {
            (Some(this), Some(other)) if other.at < this.at => Some(other),
            (this, other) => this.or(other),
        }
    }
}

impl Vigil {
    // Becomes part of the call, which becomes part of its caller: the future is written where it stays, and not copied.
    #[inline]
    pub(crate) fn begin(shared: &Arc<Shared>, call: Option<&mut Call>, stream_if_unknown: bool) -> Self {
        let started = Instant::now();
        let mut deadline = shared.timeouts.total.and_then(|total| started.checked_add(total));
        let mut stream = stream_if_unknown;
        let mut progress = None;
        if let Some(call) = call {
            if let Some(deadline) = deadline {
                call.clamp_deadline(deadline);
            }
            deadline = call.deadline();
            stream = call.shape().map_or(stream_if_unknown, |shape| shape.stream);
            progress = Some(call.ensure_progress().clone());
        }
        let limit = shared.estimate(stream).map(Estimate::now);
        Vigil { shared: shared.clone(), progress, started, deadline, limit, stream }
    }

    /// Whether the deadline had passed before the call came.
    pub(crate) fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= self.started)
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.stream
    }

    pub(crate) fn progress(&self) -> Option<&Progress> {
        self.progress.as_ref()
    }

    /// Reads another clock from now on: that of the attempt whose answer it is, if there is one.
    pub(crate) fn follow(&mut self, progress: Option<Progress>) {
        self.progress = progress;
    }

    /// The limit until first content, or until the whole answer.
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.limit
    }

    pub(crate) fn idle(&self) -> Option<Duration> {
        self.shared.timeouts.idle
    }

    /// The phase that this call begins with.
    pub(crate) fn phase(&self) -> Phase {
        if self.stream { Phase::FirstContent } else { Phase::Answer }
    }

    /// When the next limit is over, as long as there is no response.
    pub(crate) fn due(&self) -> Option<Due> {
        let narrow = match self.last_content_at() {
            Some(last) if self.stream => self.idle().and_then(|idle| Due::after(last, idle, Phase::Idle)),
            _ => self.limit.and_then(|limit| Due::after(self.counts_from(), limit, self.phase())),
        };
        Due::or_earlier(narrow, self.deadline())
    }

    pub(crate) fn deadline(&self) -> Option<Due> {
        let at = self.deadline?;
        Some(Due { at, phase: Phase::Total, limit: at.saturating_duration_since(self.started) })
    }

    /// When this attempt was sent. A mark older than the call is that of an attempt before it.
    pub(crate) fn sent_at(&self) -> Option<Instant> {
        self.progress.as_ref()?.sent_at().filter(|sent| *sent >= self.started)
    }

    fn last_content_at(&self) -> Option<Instant> {
        self.progress.as_ref()?.last_content_at().filter(|last| *last >= self.started)
    }

    fn counts_from(&self) -> Instant {
        if self.progress.as_ref().is_some_and(Progress::is_waiting) {
            // In a queue on this side. A send that is marked after this instant ends its limit no earlier than one that
            // counts from here, so a timer set by it looks again in time.
            return Instant::now();
        }
        self.sent_at().unwrap_or(self.started)
    }

    /// The time from the send, or from the call if nobody marks sends.
    pub(crate) fn age(&self) -> Duration {
        self.sent_at().unwrap_or(self.started).elapsed()
    }

    /// From the send to first content, if that has come.
    pub(crate) fn time_to_first_content(&self) -> Option<Duration> {
        let first = self.progress.as_ref()?.first_content_at().filter(|first| *first >= self.started)?;
        Some(first.saturating_duration_since(self.sent_at().unwrap_or(self.started)))
    }

    /// Remembers the time that a call of this sort took to first content, or to its whole answer.
    pub(crate) fn record(&self, took: Duration) {
        if let Some(estimate) = self.estimate() {
            estimate.record(took);
        }
    }

    /// Remembers a response that has no body to wait for.
    pub(crate) fn record_response(&self) {
        if self.estimate().is_none() {
            return;
        }
        let first = self.time_to_first_content().filter(|_| self.stream);
        self.record(first.unwrap_or_else(|| self.age()));
    }

    /// Remembers how long a call was waited for in vain, if it was for as long as this layer waits: what was cut off
    /// earlier, by somebody's short deadline, says nothing of the provider.
    pub(crate) fn record_cut_off(&self, due: Due, waited: Duration) {
        if matches!(due.phase, Phase::FirstContent | Phase::Answer) {
            self.record(waited);
        }
    }

    fn estimate(&self) -> Option<&Estimate> {
        self.shared.estimate(self.stream)
    }

    /// The error of a call that was waited for long enough. So many bytes came if no clock says it.
    pub(crate) fn elapsed(&self, due: Due, bytes: u64) -> Error {
        let sent = self.sent_at().is_some();
        let bytes = self.progress.as_ref().map_or(bytes, Progress::bytes);
        let usage = self.progress.as_ref().and_then(Progress::usage);
        let elapsed = Elapsed::new(due.phase, due.limit, bytes, sent);
        let limit_ms = u64::try_from(due.limit.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(phase = due.phase.as_str(), limit_ms, bytes, sent, "timed out");
        Error::by_layer(due.phase.kind(), LAYER, elapsed).with_usage(usage)
    }

    /// The error of a call that came after its deadline.
    pub(crate) fn late() -> Error {
        let elapsed = Elapsed::new(Phase::Total, Duration::ZERO, 0, false);
        tracing::debug!(
            phase = Phase::Total.as_str(),
            limit_ms = 0_u64,
            bytes = 0_u64,
            sent = false,
            "timed out"
        );
        Error::by_layer(Kind::Rejected, LAYER, elapsed)
    }
}
