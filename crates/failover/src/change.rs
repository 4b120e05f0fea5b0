//! What changes while a failover serves.

use std::sync::Arc;

use tokio::sync::watch;

use crate::Cooldown;

/// A change of a target, or of the list.
///
/// A receiver of [`FailoverHandle::watch`](crate::FailoverHandle::watch) always has the latest; a slow one may miss
/// some before, so the truth is the [snapshot](crate::FailoverHandle::snapshot) taken after it was woken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Nothing has changed yet.
    #[default]
    None,
    /// A target was added.
    Added(Arc<str>),
    /// A target was removed.
    Removed(Arc<str>),
    /// A target takes no more calls.
    Drained(Arc<str>),
    /// A drained target's last call has ended.
    Idle(Arc<str>),
    /// A drained target takes calls again.
    Resumed(Arc<str>),
    /// The order, a tier or a strategy was changed.
    Reordered,
    /// A target's weight was changed.
    Weighted(Arc<str>),
    /// A failure took a target out of service.
    Cooling(Arc<str>, Cooldown),
    /// A target that was out of service serves again.
    Recovered(Arc<str>),
}

/// Where changes are told.
#[derive(Clone)]
pub(crate) struct News {
    sender: Arc<watch::Sender<Change>>,
}

impl News {
    pub(crate) fn new() -> Self {
        News { sender: Arc::new(watch::Sender::new(Change::None)) }
    }

    pub(crate) fn tell(&self, change: Change) {
        self.sender.send_replace(change);
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Change> {
        self.sender.subscribe()
    }
}
