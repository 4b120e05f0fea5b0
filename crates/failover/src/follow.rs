//! Targets that come and go by themselves.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::discover::{Change, Discover};

use crate::{Target, fleet::Shared};

pin_project! {
    /// Keeps a failover's targets as a tower [`Discover`] says.
    ///
    /// Made by [`Failover::follow`](crate::Failover::follow). A future: spawn it, or poll it beside the calls. It ends with
    /// the feed (`Ok`), with the feed's first error, or when the last clone of the failover is gone. The targets stay as
    /// they are then; dropping it does the same.
    ///
    /// A target's name is its key as text. One that is inserted is new, in tier 0 with weight 1, until the handle says
    /// otherwise; inserted again, its service is replaced and what was learnt of it forgotten, in one step. What runs on
    /// a target that goes finishes. A key that cannot be a name, or that comes when there are 64 targets, is logged at
    /// `warn` and left out.
    #[must_use = "futures do nothing unless polled"]
    pub struct Follow<S, D> {
        failover: Weak<Shared<S>>,
        #[pin]
        discover: D,
    }
}

impl<S, D> Follow<S, D> {
    pub(crate) fn new(failover: Weak<Shared<S>>, discover: D) -> Self {
        Follow { failover, discover }
    }
}

impl<S, D> Future for Follow<S, D>
where
    D: Discover<Service = S>,
    D::Key: fmt::Display,
{
    type Output = Result<(), D::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let Some(change) = ready!(this.discover.as_mut().poll_discover(cx)?) else {
                return Poll::Ready(Ok(()));
            };
            let Some(failover) = this.failover.upgrade() else { return Poll::Ready(Ok(())) };
            let (name, changed): (Arc<str>, _) = match change {
                Change::Insert(key, service) => {
                    let name: Arc<str> = key.to_string().into();
                    (name.clone(), failover.replace(Target::new(name, service)))
                }
                Change::Remove(key) => {
                    let name = key.to_string();
                    let removed = failover.roster.remove(&name);
                    (name.into(), removed)
                }
            };
            if let Err(error) = changed {
                tracing::warn!(name = &*name, %error, "a discovered change is left out");
            }
        }
    }
}

impl<S, D> fmt::Debug for Follow<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}
