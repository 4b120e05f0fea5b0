//! The services that every system wraps.

use std::{
    error::Error,
    fmt,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use tower::Service;

/// A service over a plain request, with all that any system asks of what it wraps.
pub(crate) trait Plain:
    Service<u64, Response = u64, Error = Failed, Future: Send + Unpin + 'static> + Clone + Send + Sync + 'static
{
}

impl<S> Plain for S where
    S: Service<u64, Response = u64, Error = Failed, Future: Send + Unpin + 'static>
        + Clone
        + Send
        + Sync
        + 'static
{
}

/// Always ready, and answers a number with itself, at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo;

impl Service<u64> for Echo {
    type Response = u64;
    type Error = Failed;
    type Future = Ready<Result<u64, Failed>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u64) -> Self::Future {
        ready(Ok(number))
    }
}

/// The same, but each answer is pending once: a layer that needs a timer for what it waits for needs it here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Later;

impl Service<u64> for Later {
    type Response = u64;
    type Error = Failed;
    type Future = Once;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, number: u64) -> Once {
        Once { number, was_pending: false }
    }
}

/// Ready when it is polled again.
#[derive(Debug)]
pub(crate) struct Once {
    number: u64,
    was_pending: bool,
}

impl Future for Once {
    type Output = Result<u64, Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::replace(&mut self.was_pending, true) {
            return Poll::Ready(Ok(self.number));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What they would fail with, if they did. Some peers ask for an error that can be cloned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed;

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed")
    }
}

impl Error for Failed {}
