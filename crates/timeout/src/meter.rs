//! How long the other side has kept a reader waiting.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Phase, vigil::Due};

/// Counts the time in which a body was polled and had nothing, against one limit.
///
/// The time in which nobody polled is not counted: an HTTP/1 client leaves bytes in the socket until they are asked
/// for, so even data that is long there takes one pending poll to get. A limit from event to event would then blame
/// the provider for a slow reader.
#[derive(Debug)]
pub(crate) struct Meter {
    pub(crate) phase: Phase,
    limit: Duration,
    spent: Duration,
    waiting_since: Option<Instant>,
}

impl Meter {
    pub(crate) fn new(phase: Phase, limit: Duration, spent: Duration) -> Self {
        Meter { phase, limit, spent, waiting_since: None }
    }

    /// The reader waits; if it still does at the instant returned, it has waited too long.
    pub(crate) fn wait(&mut self) -> Option<Due> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        let at = since.checked_add(self.limit.saturating_sub(self.spent))?;
        Some(Due { at, phase: self.phase, limit: self.limit })
    }

    /// Something came, but not what this limit is about.
    pub(crate) fn pause(&mut self) {
        self.spent = self.spent();
        self.waiting_since = None;
    }

    pub(crate) fn spent(&self) -> Duration {
        self.spent.saturating_add(self.waiting_since.map_or(Duration::ZERO, |since| since.elapsed()))
    }
}
