//! The one timer of a call.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is made when it is first needed, and set again rather than replaced.
///
/// It is boxed, which costs one allocation for a call that has to wait: so the future stays small, the body stays
/// `Unpin`, and the timer moves from the one to the other.
#[derive(Debug, Default)]
pub struct Alarm {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready once `due` has passed.
    pub(crate) fn poll_until(&mut self, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        // A timer set for too early is left alone: a stream moves its limit with every token, and one wake-up now and
        // then is cheaper than setting the timer each time.
        if sleep.deadline() < due {
            ready!(sleep.as_mut().poll(cx));
            sleep.as_mut().reset(due);
        }
        sleep.as_mut().poll(cx)
    }
}
