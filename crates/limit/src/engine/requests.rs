//! Requests a minute.

use super::{Nanos, Reading, SECOND, gcra::Gcra, log::Log};
use crate::{Policy, Window};

/// Requests a minute: governor's GCRA, or the strict log.
#[derive(Debug)]
pub(crate) enum Requests {
    Bucket(Gcra),
    Window { limit: u64, log: Log },
}

impl Requests {
    pub(crate) fn new(policy: &Policy, per_minute: u64, now: Nanos) -> Self {
        match policy.window {
            Window::Bucket => Requests::Bucket(Gcra::new(per_minute, policy.burst, now)),
            Window::Sliding => Requests::Window { limit: per_minute, log: Log::new(now) },
        }
    }

    /// Counts a request, or says when one may pass.
    #[inline]
    pub(crate) fn check(&mut self, now: Nanos) -> Result<(), Nanos> {
        match self {
            Requests::Bucket(gcra) => gcra.check(now),
            Requests::Window { limit, log } => {
                log.advance(now);
                if log.total() >= *limit {
                    return Err(log.until_forgotten(log.total() + 1 - *limit));
                }
                log.add(1);
                Ok(())
            }
        }
    }

    /// A request that was counted then was never sent.
    pub(crate) fn give_back(&mut self, now: Nanos, counted: Nanos) {
        match self {
            Requests::Bucket(gcra) => gcra.give_back(now),
            Requests::Window { log, .. } => log.remove(counted, 1),
        }
    }

    /// The upstream has let in more than was counted here: it has no more than this.
    pub(crate) fn lower(&mut self, now: Nanos, to: f64) {
        let over = self.reading(now).level - to;
        // A fraction of a request is no request; the cast saturates.
        let over = over.max(0.0) as u64;
        match self {
            Requests::Bucket(gcra) => gcra.burn(now, over),
            Requests::Window { log, .. } => log.add(over),
        }
    }

    #[inline]
    pub(crate) fn per_minute(&self) -> u64 {
        match self {
            Requests::Bucket(gcra) => gcra.per_minute(),
            Requests::Window { limit, .. } => *limit,
        }
    }

    pub(crate) fn reading(&self, now: Nanos) -> Reading {
        let (per_minute, capacity, level) = match self {
            Requests::Bucket(gcra) => (gcra.per_minute(), gcra.burst(), gcra.remaining(now) as f64),
            Requests::Window { limit, log } => (*limit, *limit, *limit as f64 - log.total() as f64),
        };
        Reading { per_minute, capacity, level, held: 0 }
    }

    /// How long it takes until so many may have passed, about.
    pub(crate) fn time_for(&self, now: Nanos, requests: u64) -> Nanos {
        let Reading { per_minute, level, .. } = self.reading(now);
        let missing = (requests as f64 - level).max(0.0);
        (missing * 60.0 / per_minute as f64 * SECOND as f64) as u64
    }

    /// The same use, counted by the policy.
    #[must_use]
    pub(crate) fn carried_over(&self, policy: &Policy, per_minute: u64, now: Nanos) -> Self {
        let before = self.reading(now);
        let used = (before.capacity as f64 - before.level).max(0.0);
        let mut after = Requests::new(policy, per_minute, now);
        let capacity = after.reading(now).capacity as f64;
        after.lower(now, (capacity - used).max(0.0));
        after
    }
}
