//! What the circuit tells of itself.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use tokio::{sync::watch, time::Instant};

use super::{Now, Shared};
use crate::{
    Reason, Snapshot, State, Transition, circuit::Change, gauge::Gauge, policy::millis, window::Sum,
    word::Mode,
};

impl Shared {
    pub(crate) fn state(&self) -> State {
        self.state_of(self.circuit.word())
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Transition> {
        self.changes.subscribe()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let word = self.circuit.word();
        let tick = self.tick(word.generation(), &mut Now::default());
        let closed = word.mode() == Mode::Closed;
        let sum = |gauge: &Gauge| if closed { gauge.sum(tick) } else { Sum::default() };
        let (failures, slow) = (sum(&self.failures), sum(&self.slow));
        let (probes, probes_succeeded) = self.circuit.probes();
        Snapshot {
            state: self.state_of(word),
            consecutive_failures: if closed { word.payload() } else { 0 },
            calls: failures.total,
            failures: failures.bad,
            timed: slow.total,
            slow: slow.bad,
            baseline: self.baseline.value(1).map(Duration::from_micros),
            probes,
            probes_succeeded,
            rejected: self.rejected.load(Relaxed),
            opened: self.opened.load(Relaxed),
        }
    }

    /// Tells the change to everybody. No lock is held: a listener may ask the circuit.
    pub(super) fn publish(&self, change: Change, reason: Reason) {
        let transition = Transition {
            from: self.state_of(change.from),
            to: self.state_of(change.to),
            reason,
            at: Instant::now(),
            word: change.to,
        };
        let Transition { from, to, at, word, .. } = transition;
        if word.mode() == Mode::Open {
            self.opened.fetch_add(1, Relaxed);
        }
        self.changes.send_if_modified(|last| {
            // Two threads may arrive here in either order; the later change must stay.
            let newer = word.is_newer_than(last.word);
            if newer {
                *last = transition;
            }
            newer
        });
        let name = self.name();
        let breaker = name.as_deref().unwrap_or_default();
        if let State::Open { until } = to {
            let open_ms = millis(until.saturating_duration_since(at));
            tracing::warn!(breaker, %from, %to, %reason, open_ms, "circuit opened");
        } else {
            tracing::info!(breaker, %from, %to, %reason, "circuit changed");
        }
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;
    use crate::{Policy, word::Word};

    #[test]
    fn of_two_changes_told_in_the_wrong_order_the_later_one_stays() {
        let shared = Shared::new(Policy::default());
        let first = shared.circuit.set(Mode::Forced, Word::NEVER);
        let second = shared.circuit.set(Mode::Closed, 0);
        shared.publish(second, Reason::Reset);
        shared.publish(first, Reason::ForcedOpen);
        assert_eq!(shared.changes().borrow().reason, Reason::Reset);
    }
}
