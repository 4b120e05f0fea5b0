//! One attempt's clock.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{Usage, context::Used};

/// How far an attempt has come: when it was sent, its first content, what arrived since.
///
/// It exists from the request on, so that layers outside see first content even while the provider layer still holds
/// the answer. The provider layer ticks it; a layer that needs one and finds none in the [`Call`](crate::Call) puts it
/// there. Time to first content counts from the send, so a wait in a queue never looks like a slow provider.
///
/// A layer that makes several attempts of one call gives each a [`child`](Progress::child). What a child sees its
/// parent sees too; a parent shows the attempt that was sent last.
#[derive(Clone, Debug)]
pub struct Progress {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    base: Instant,
    /// Nanoseconds since `base`, plus one; zero is "not yet". The same for the next three.
    sent: AtomicU64,
    first_content: AtomicU64,
    last_content: AtomicU64,
    closed_until: AtomicU64,
    waiting: AtomicBool,
    content_events: AtomicU64,
    bytes: AtomicU64,
    usage: Mutex<Option<Usage>>,
    /// Here because this is what a call's attempts have in common already.
    targets: Mutex<Used>,
    parent: Option<Progress>,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// The clock of an attempt that was not sent yet.
    pub fn new() -> Self {
        Self::with_parent(None)
    }

    /// The clock of one attempt out of several; everything it sees, `self` sees too.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::with_parent(Some(self.clone()))
    }

    fn with_parent(parent: Option<Progress>) -> Self {
        Progress {
            inner: Arc::new(Inner {
                // Nothing that a child sees is older than its parent.
                base: parent.as_ref().map_or_else(Instant::now, |parent| parent.inner.base),
                sent: AtomicU64::new(0),
                first_content: AtomicU64::new(0),
                last_content: AtomicU64::new(0),
                closed_until: AtomicU64::new(0),
                waiting: AtomicBool::new(false),
                content_events: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
                usage: Mutex::new(None),
                targets: Mutex::default(),
                parent,
            }),
        }
    }

    /// The request goes out now. What an earlier attempt left here is forgotten.
    pub fn mark_sent(&self) {
        let now = Instant::now();
        self.for_each(|inner| {
            inner.first_content.store(0, Relaxed);
            inner.last_content.store(0, Relaxed);
            inner.closed_until.store(0, Relaxed);
            inner.waiting.store(false, Relaxed);
            inner.content_events.store(0, Relaxed);
            inner.bytes.store(0, Relaxed);
            *inner.usage() = None;
            inner.sent.store(inner.stamp(now), Relaxed);
        });
    }

    /// The request waits on this side, in a queue: until it is sent, its age says nothing of the provider.
    ///
    /// Whoever lets it go [marks it as sent](Progress::mark_sent), in case that nobody further inside does. A parent
    /// that has seen another attempt go out does not wait: that one's time runs.
    pub fn mark_waiting(&self) {
        self.inner.waiting.store(true, Relaxed);
        if let Some(parent) = &self.inner.parent {
            parent.for_each(|inner| {
                if inner.sent.load(Relaxed) == 0 {
                    inner.waiting.store(true, Relaxed);
                }
            });
        }
    }

    /// Whether the request waits on this side to be sent.
    pub fn is_waiting(&self) -> bool {
        self.inner.waiting.load(Relaxed)
    }

    /// Bytes of the answer arrived, with this many content events in them.
    pub fn mark_received(&self, bytes: u64, content_events: u64) {
        let now = (content_events > 0).then(Instant::now);
        self.for_each(|inner| {
            inner.bytes.fetch_add(bytes, Relaxed);
            if let Some(now) = now {
                let stamp = inner.stamp(now);
                inner.content_events.fetch_add(content_events, Relaxed);
                inner.last_content.store(stamp, Relaxed);
                // Only the first one finds a zero.
                let _ = inner.first_content.compare_exchange(0, stamp, Relaxed, Relaxed);
            }
        });
    }

    /// The usage as the provider reports it so far; it replaces what was known.
    pub fn set_usage(&self, usage: Usage) {
        self.for_each(|inner| *inner.usage() = Some(usage));
    }

    /// The target that this attempt went to takes no calls until then: waiting for less is for nothing.
    pub fn mark_closed_until(&self, until: Instant) {
        self.for_each(|inner| inner.closed_until.store(inner.stamp(until), Relaxed));
    }

    /// Until when the target takes no calls, if the attempt has left it closed.
    pub fn closed_until(&self) -> Option<Instant> {
        self.inner.instant(&self.inner.closed_until)
    }

    /// When the request was sent.
    pub fn sent_at(&self) -> Option<Instant> {
        self.inner.instant(&self.inner.sent)
    }

    /// When the first content event arrived.
    pub fn first_content_at(&self) -> Option<Instant> {
        self.inner.instant(&self.inner.first_content)
    }

    /// When the latest content event arrived.
    pub fn last_content_at(&self) -> Option<Instant> {
        self.inner.instant(&self.inner.last_content)
    }

    /// From the send to the first content event.
    pub fn time_to_first_content(&self) -> Option<Duration> {
        Some(self.first_content_at()?.saturating_duration_since(self.sent_at()?))
    }

    /// Content events so far: about one a token with most providers.
    pub fn content_events(&self) -> u64 {
        self.inner.content_events.load(Relaxed)
    }

    /// Bytes of the answer's body so far.
    pub fn bytes(&self) -> u64 {
        self.inner.bytes.load(Relaxed)
    }

    /// The usage that the provider has reported so far. Nothing here is an estimate.
    pub fn usage(&self) -> Option<Usage> {
        *self.inner.usage()
    }

    pub(crate) fn targets(&self) -> &Mutex<Used> {
        &self.inner.targets
    }

    fn for_each(&self, tick: impl Fn(&Inner)) {
        let mut next = Some(self);
        while let Some(progress) = next {
            tick(&progress.inner);
            next = progress.inner.parent.as_ref();
        }
    }
}

impl Inner {
    fn stamp(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.base).as_nanos()).unwrap_or(u64::MAX - 1) + 1
    }

    fn instant(&self, stamp: &AtomicU64) -> Option<Instant> {
        let nanos = stamp.load(Relaxed).checked_sub(1)?;
        Some(self.base + Duration::from_nanos(nanos))
    }

    fn usage(&self) -> std::sync::MutexGuard<'_, Option<Usage>> {
        // A `Copy` value is whole at every step, so a poisoned lock is as good as any.
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn time_to_first_content_counts_from_the_send() {
        let progress = Progress::new();
        tokio::time::advance(5 * SECOND).await;
        progress.mark_sent();
        tokio::time::advance(2 * SECOND).await;
        progress.mark_received(10, 0);
        assert_eq!(progress.time_to_first_content(), None);
        tokio::time::advance(SECOND).await;
        progress.mark_received(10, 1);
        tokio::time::advance(SECOND).await;
        progress.mark_received(10, 2);
        assert_eq!(progress.time_to_first_content(), Some(3 * SECOND));
        assert_eq!((progress.bytes(), progress.content_events()), (30, 3));
        assert_eq!(progress.last_content_at(), Some(progress.sent_at().unwrap() + 4 * SECOND));
    }

    #[test]
    fn a_wait_on_this_side_ends_with_the_send() {
        let parent = Progress::new();
        let child = parent.child();
        child.mark_waiting();
        assert!(parent.is_waiting() && child.is_waiting());
        child.mark_sent();
        assert!(!parent.is_waiting() && !child.is_waiting());
        let beside = parent.child();
        beside.mark_waiting();
        assert!(beside.is_waiting() && !parent.is_waiting(), "the other one is under way");
    }

    #[tokio::test(start_paused = true)]
    async fn a_parent_shows_the_attempt_that_was_sent_last() {
        let parent = Progress::new();
        let first = parent.child();
        first.mark_sent();
        first.mark_received(1, 1);
        first.set_usage(Usage::new(7, 1));
        assert_eq!(parent.usage(), Some(Usage::new(7, 1)));
        tokio::time::advance(SECOND).await;
        let second = parent.child();
        second.mark_sent();
        assert_eq!(parent.sent_at(), second.sent_at());
        assert_eq!((parent.first_content_at(), parent.usage(), parent.bytes()), (None, None, 0));
        assert!(first.first_content_at().is_some(), "a sibling keeps its own");
    }
}
