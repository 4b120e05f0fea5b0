//! What an operator changes.

mod breaker;
mod limit;
mod route;

use std::sync::Arc;

use super::{
    Control, Refused,
    event::{Entry, Severity},
    journal::latest,
    refused::Kind,
};
use crate::{TargetHandles, failover::Change};

impl Control {
    /// One layer of a registered target.
    fn layer<H>(
        &self,
        target: &str,
        layer: &str,
        of: impl Fn(&TargetHandles) -> Option<H>,
    ) -> Result<H, Refused> {
        let held = self.shared.lock();
        let handle = of(held.registry.find(target)?);
        let handles = held.registry.targets.iter().map(|target| &target.handles);
        let others = handles.filter(|handles| of(handles).is_some()).map(|handles| handles.name.clone());
        handle.ok_or_else(|| Refused::unknown(Kind::Target, target, &format!("has no {layer}"), others))
    }

    /// Tells of a change that the layers tell of themselves.
    fn changed(&self, change: &'static str, name: &str) {
        tracing::info!(change, name, "changed by hand");
        self.shared.record();
    }

    /// Tells of a change of a target's own numbers.
    fn changed_numbers(&self, change: &'static str, target: &str, what: &'static str) {
        self.changed(change, target);
        let entry = Entry::now(Severity::Note, what);
        self.shared.lock().journal.push(Entry { target: Some(target.into()), ..entry });
    }

    /// Tells of a change of a route, in place of the failover's own word, which does not say to what.
    fn changed_route(&self, change: &'static str, route: &str, target: Option<&str>, what: String) {
        tracing::info!(change, route, target, what, "changed by hand");
        let mut held = self.shared.lock();
        let super::handle::Held { registry, journal } = &mut *held;
        let changes = registry.routes.iter_mut().find(|known| &*known.name == route);
        if let Some(changes) = changes.and_then(|route| route.changes.as_mut())
            && matches!(*changes.borrow(), Change::Reordered | Change::Weighted(_))
        {
            latest(changes);
        }
        journal.record(registry);
        let target = target.map(Arc::from);
        journal.push(Entry { route: Some(route.into()), target, ..Entry::now(Severity::Note, what) });
    }
}
