//! Who listens to the layers' changes as they happen.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use tokio::sync::watch;

use super::Control;

pub(super) fn run(control: &Control) -> impl Future<Output = ()> + Send + use<> {
    let mut registered = control.shared.registered.subscribe();
    let shared = Arc::downgrade(&control.shared);
    async move {
        loop {
            let mut news = Vec::new();
            {
                let Some(shared) = shared.upgrade() else { return };
                // Before the list is read: what is registered after it wakes this up again.
                registered.mark_unchanged();
                shared.record();
                let held = shared.lock();
                // Clones know of what was seen, so nothing that comes after is missed.
                for target in &held.registry.targets {
                    news.extend(target.changes.clone().map(change));
                }
                for route in &held.registry.routes {
                    news.extend(route.changes.clone().map(change));
                }
            }
            news.push(change(registered.clone()));
            poll_fn(|cx| {
                let any = news.iter_mut().any(|change| change.as_mut().poll(cx).is_ready());
                if any { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
    }
}

/// Resolves when the channel has news, or nobody is left who could send any.
fn change<T: Send + Sync + 'static>(
    mut changes: watch::Receiver<T>,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move { _ = changes.changed().await })
}
