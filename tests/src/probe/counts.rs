//! What was done to a probe.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The counts of all services of one target.
#[derive(Debug, Default)]
pub struct Counts {
    calls: AtomicUsize,
    called_unready: AtomicUsize,
    asked: AtomicUsize,
    readied_in_vain: AtomicUsize,
    futures: Arc<AtomicUsize>,
    bodies: Arc<AtomicUsize>,
}

impl Counts {
    /// Calls so far.
    pub fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// Calls of a service that had not said that it is ready.
    pub fn unready_calls(&self) -> usize {
        self.called_unready.load(Relaxed)
    }

    /// Polls of readiness so far.
    pub fn readiness_polls(&self) -> usize {
        self.asked.load(Relaxed)
    }

    /// Services dropped after they had become ready, without a call.
    pub fn unused(&self) -> usize {
        self.readied_in_vain.load(Relaxed)
    }

    /// Futures and bodies that are alive.
    pub fn alive(&self) -> usize {
        self.futures.load(Relaxed) + self.bodies.load(Relaxed)
    }

    pub(super) fn called(&self) {
        self.calls.fetch_add(1, Relaxed);
    }

    pub(super) fn called_unready(&self) {
        self.called_unready.fetch_add(1, Relaxed);
    }

    pub(super) fn asked(&self) {
        self.asked.fetch_add(1, Relaxed);
    }

    pub(super) fn readied_in_vain(&self) {
        self.readied_in_vain.fetch_add(1, Relaxed);
    }

    pub(super) fn futures(&self) -> &Arc<AtomicUsize> {
        &self.futures
    }

    pub(super) fn bodies(&self) -> &Arc<AtomicUsize> {
        &self.bodies
    }
}

/// Counts itself for as long as it lives.
#[derive(Debug)]
pub struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Relaxed);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}
