//! The latest events.

use std::collections::VecDeque;

use tokio::sync::watch;

use super::{
    event::{Entry, Event},
    registry::Registry,
};

/// An outage of three targets with a probe a minute is over an hour of events.
pub(super) const KEPT: usize = 256;

#[derive(Default)]
pub(super) struct Journal {
    kept: VecDeque<Entry>,
}

impl Journal {
    /// Writes down what has changed since the last time: each change once, whoever asks.
    pub(super) fn record(&mut self, registry: &mut Registry) {
        let mut new = Vec::new();
        for target in &mut registry.targets {
            let transition = target.changes.as_mut().and_then(latest);
            new.extend(transition.map(|transition| Entry::of_breaker(&target.handles.name, &transition)));
        }
        for route in &mut registry.routes {
            let change = route.changes.as_mut().and_then(latest);
            new.extend(change.and_then(|change| Entry::of_failover(&route.name, &change)));
        }
        new.sort_by_key(|entry| entry.at);
        for entry in new {
            self.push(entry);
        }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(entry);
    }

    /// The latest first.
    pub(super) fn events(&self) -> Vec<Event> {
        self.kept.iter().rev().map(Entry::told).collect()
    }
}

/// What the channel holds, unless it was seen before.
pub(super) fn latest<T: Clone>(changes: &mut watch::Receiver<T>) -> Option<T> {
    // An error means that the layer is gone; its last word may be unseen all the same.
    let new = changes.has_changed().unwrap_or(false);
    new.then(|| changes.borrow_and_update().clone())
}
