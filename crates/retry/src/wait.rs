//! The pause between two attempts.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Sleep, sleep};

/// The pause between two attempts: what [`RetryPolicy`](crate::RetryPolicy) gives tower to wait for.
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct Wait {
    // Boxed, because it is as large as all the rest of a call's future, and few calls need it.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Wait {
    pub(crate) fn new(time: Duration) -> Self {
        Wait { sleep: (!time.is_zero()).then(|| Box::pin(sleep(time))) }
    }
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Ready(()), |sleep| sleep.as_mut().poll(cx))
    }
}
