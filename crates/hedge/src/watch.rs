//! The clock of a call's first try, and what the layer learns from it.

use std::{sync::Arc, time::Duration};

use buttress_call::Progress;
use tokio::time::Instant;

use crate::shared::Shared;

/// Knows how old the first try is, and says so once: how long it took, or how long it was waited for in vain.
///
/// Dropped without a word, the call was cancelled: a caller who gives up on a slow call is the best evidence of one. A
/// try that was never found pending says nothing: it cost no look at the clock, and what answers at once, from a cache
/// say, tells nothing of how long the others wait.
#[derive(Debug)]
pub(crate) struct Watch {
    shared: Arc<Shared>,
    progress: Option<Progress>,
    /// When the try was first found pending.
    called: Option<Instant>,
    told: bool,
}

impl Watch {
    pub(crate) fn new(shared: Arc<Shared>, progress: Option<Progress>) -> Self {
        Watch { shared, progress, called: None, told: false }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The try is pending: its time runs.
    #[inline]
    pub(crate) fn pending(&mut self) {
        if self.called.is_none() {
            self.called = Some(Instant::now());
        }
    }

    /// Whether its first content is here, though the try may still be pending.
    pub(crate) fn is_answering(&self) -> bool {
        self.progress.as_ref().is_some_and(|progress| progress.first_content_at().is_some())
    }

    /// The instant from which the delay runs: now, as long as the try waits on this side. What keeps it there would
    /// keep a hedge as well. A send after now ends its delay no earlier than one that counts from now, so a timer set
    /// by that looks again in time.
    pub(crate) fn counts_from(&self) -> Instant {
        self.began().unwrap_or_else(Instant::now)
    }

    /// The try has won.
    #[inline]
    pub(crate) fn answered(&mut self) {
        self.told = true;
        if self.called.is_some() && self.shared.learns() {
            let to_content = self.progress.as_ref().and_then(Progress::time_to_first_content);
            if let Some(time) = to_content.or_else(|| self.age()) {
                self.shared.record(time);
            }
        }
    }

    /// The try has failed, or nobody waits for it any more.
    ///
    /// It was going to take longer than it lived. If that is less than the delay, it says nothing of the tail: counted
    /// as one that took so long, it would pull the delay down. While there is no delay yet, nobody knows.
    pub(crate) fn given_up(&mut self) {
        if !std::mem::replace(&mut self.told, true)
            && self.shared.learns()
            && let Some(age) = self.age()
            && self.shared.delay().is_some_and(|delay| age >= delay)
        {
            self.shared.record(age);
        }
    }

    /// When the try was sent, as far as anybody tells; `None` while it waits on this side, or was never waited for.
    fn began(&self) -> Option<Instant> {
        let called = self.called?;
        let Some(progress) = &self.progress else { return Some(called) };
        if progress.is_waiting() { None } else { Some(progress.sent_at().unwrap_or(called)) }
    }

    fn age(&self) -> Option<Duration> {
        Some(Instant::now().saturating_duration_since(self.began()?))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.given_up();
    }
}
