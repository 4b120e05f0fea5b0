//! A door that a test opens.

use std::{
    sync::{Mutex, PoisonError},
    task::{Context, Poll, Waker},
};

/// Closed at first. Whoever waits is woken when it opens, and not before.
#[derive(Debug)]
pub struct Gate {
    /// Those who wait; `None` once it is open.
    waiting: Mutex<Option<Vec<Waker>>>,
}

impl Default for Gate {
    fn default() -> Self {
        Gate { waiting: Mutex::new(Some(Vec::new())) }
    }
}

impl Gate {
    /// Opens for good.
    pub fn open(&self) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        waiting.into_iter().flatten().for_each(Waker::wake);
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(waiting) => {
                waiting.push(cx.waker().clone());
                Poll::Pending
            }
            None => Poll::Ready(()),
        }
    }
}
