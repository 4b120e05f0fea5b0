//! Targets that come and go by themselves.

use std::{
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tower::discover::{Change, Discover};

use crate::{Failover, InvalidTargets, Target, fleet::Shared};

pin_project! {
    /// Keeps a failover's targets as a tower [`Discover`] says.
    ///
    /// Made by [`Failover::follow`]. A future: spawn it, or poll it beside the calls. It ends with the feed (`Ok`), with
    /// the feed's first error, or at a change that comes when the last clone of the failover is gone. The targets stay as
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

impl<S, C> Failover<S, C> {
    /// A future that keeps the targets as `discover` says.
    ///
    /// ```
    /// use buttress_failover::{Failover, PowerOfTwo};
    /// use tower::discover::ServiceList;
    /// # use tower::service_fn;
    /// # use std::convert::Infallible;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let [a, b] = [(); 2].map(|()| service_fn(|n: u32| async move { Ok::<_, Infallible>(n) }));
    ///
    /// let fleet = Failover::empty().strategy(PowerOfTwo);
    /// let discover = ServiceList::new::<u32>([a, b]); // or DNS, a control plane, …
    /// fleet.follow(discover).await.unwrap();
    /// assert_eq!(fleet.handle().snapshot().len(), 2);
    /// # }
    /// ```
    pub fn follow<D>(&self, discover: D) -> Follow<S, D>
    where
        D: Discover<Service = S>,
        D::Key: fmt::Display,
    {
        Follow { failover: self.downgrade(), discover }
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

impl<S> Shared<S> {
    /// Adds a target in the place of the one that has its name, if there is one: no call sees the list without both.
    fn replace(&self, target: Target<S>) -> Result<(), InvalidTargets> {
        let Target { service, settings } = target;
        let (name, service) = (settings.name.clone(), Arc::new(service));
        self.rebuild(|roster| {
            roster.take(&name).ok();
            Ok(Some((roster.add(settings, true)?, service)))
        })?;
        self.roster.news.tell(crate::Change::Added(name));
        Ok(())
    }
}

impl<S, D> fmt::Debug for Follow<S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}
