//! Who listens to the layers' changes as they happen.

use std::{
    collections::HashMap,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
};

use tokio::sync::watch;

use super::{Control, registry::Registry};
use crate::{breaker::Transition, telemetry::Change};

pub(super) fn run(control: &Control) -> impl Future<Output = ()> + Send + use<> {
    let mut registered = control.shared.registered.subscribe();
    let shared = Arc::downgrade(&control.shared);
    async move {
        let mut told = HashMap::new();
        loop {
            let registry = {
                let Some(shared) = shared.upgrade() else { return };
                // Before the list is read: what is registered after it wakes this up again.
                registered.mark_unchanged();
                shared.record();
                shared.lock().registry.clone()
            };
            tell(&registry, &mut told);
            // Copies know what was seen, so nothing that came since is missed.
            let breakers = registry.targets.into_iter().filter_map(|target| target.changes.map(change));
            let failovers = registry.routes.into_iter().filter_map(|route| route.changes.map(change));
            let mut news: Vec<_> = breakers.chain(failovers).chain([change(registered.clone())]).collect();
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

/// Tells telemetry the state of each breaker that is not as it was when this was told last.
fn tell(registry: &Registry, told: &mut HashMap<Arc<str>, Transition>) {
    let Some(telemetry) = &registry.telemetry else { return };
    for target in &registry.targets {
        let (name, Some(changes)) = (&target.handles.name, &target.changes) else { continue };
        let now = *changes.borrow();
        let before = told.insert(name.clone(), now);
        if before == Some(now) {
            continue;
        }
        // From where it was told to be; of a new one the state alone is told.
        let from = before.map_or(now.to, |before| before.to).as_str();
        let (to, reason) = (now.to.as_str(), now.reason.to_string());
        telemetry.changed(Change { name: name.clone(), from, to, reason });
    }
    told.retain(|name, _| registry.find(name).is_ok());
}
