//! The clock of a call's first try.

use std::{sync::Arc, time::Duration};

use buttress_call::Progress;
use tokio::time::Instant;

use crate::shared::Shared;

/// Knows how old the first try is, and what the layer learns from its age.
///
/// Dropped before the call has resolved, it still teaches: a caller who gave up on a slow call is the best evidence of
/// one.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    progress: Option<Progress>,
    /// When the try was first found pending. One that was never pending took no time worth a look at the clock.
    called: Option<Instant>,
    told: bool,
}

/// Whether a try has come so far that it is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lateness {
    /// Its first content is here.
    Answering,
    /// It is late.
    Late,
    /// It will be late at this time, or should be looked at again then.
    At(Instant),
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, progress: Option<Progress>) -> Self {
        Watch { shared, progress, called: None, told: false }
    }

    /// The try is pending: its time runs.
    pub(crate) fn pending(&mut self) {
        if self.called.is_none() {
            self.called = Some(Instant::now());
        }
    }

    pub(crate) fn lateness(&self, delay: Duration) -> Lateness {
        if self.progress.as_ref().is_some_and(|progress| progress.first_content_at().is_some()) {
            return Lateness::Answering;
        }
        let now = Instant::now();
        match self.start().map(|start| start + delay) {
            Some(at) if at <= now => Lateness::Late,
            Some(at) => Lateness::At(at),
            // What keeps it is on this side, and a second one would have to wait as well.
            None => Lateness::At(now + delay),
        }
    }

    /// From when the try's age counts; `None` while it waits in a queue on this side.
    fn start(&self) -> Option<Instant> {
        let Some(progress) = &self.progress else { return self.called };
        if progress.is_waiting() { None } else { progress.sent_at().or(self.called) }
    }

    /// The call has resolved, in a success. `first_won` if it was this try's.
    pub(crate) fn succeeded(&mut self, first_won: bool) {
        self.told = true;
        let to_content = self.progress.as_ref().and_then(Progress::time_to_first_content);
        match to_content.filter(|_| first_won) {
            Some(time) => self.shared.record(time),
            None => self.shared.record(self.age().unwrap_or_default()),
        }
    }

    fn age(&self) -> Option<Duration> {
        Some(Instant::now().saturating_duration_since(self.start()?))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.told || self.called.is_none() {
            return;
        }
        // A failed or cancelled try was going to take longer than it lived. If that is less than the delay, it says
        // nothing about the tail.
        let Some(age) = self.age() else { return };
        if self.shared.delay().is_some_and(|delay| age >= delay) {
            self.shared.record(age);
        }
    }
}
