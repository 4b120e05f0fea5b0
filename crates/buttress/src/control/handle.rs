//! The handle itself.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{
    Readiness, RouteEntry, Status, TargetEntry,
    journal::Journal,
    recorder,
    refused::Refused,
    registry::{Registry, Route, Target},
};
use crate::{Handles, telemetry::Telemetry};

/// Looks at every layer of a program, and steers it, by the names of targets and routes. Cheap to clone; every clone acts
/// on the same layers.
///
/// [The module's page](crate::control) has an example.
///
/// A method that takes a name fails if nothing has it, and then changes nothing; the error says which names there are.
/// What a layer refuses is refused here with the layer's own error.
#[derive(Clone)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) held: Mutex<Held>,
    /// Counts registrations, so that a recorder knows when to listen to others.
    pub(super) registered: watch::Sender<u64>,
    pub(super) started: Instant,
}

pub(super) struct Held {
    pub(super) registry: Registry,
    pub(super) journal: Journal,
}

impl Shared {
    /// No user's code ever runs under this lock.
    pub(super) fn lock(&self) -> MutexGuard<'_, Held> {
        // Each step leaves a whole registry and a whole journal.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what has changed since the last time.
    pub(super) fn record(&self) {
        let mut held = self.lock();
        let Held { registry, journal } = &mut *held;
        journal.record(registry);
    }

    pub(super) fn register(&self, change: impl FnOnce(&mut Registry)) {
        let mut held = self.lock();
        let Held { registry, journal } = &mut *held;
        // What the old handles had to tell would go with them.
        journal.record(registry);
        change(registry);
        drop(held);
        self.registered.send_modify(|count| *count += 1);
    }
}

impl Control {
    /// Nothing is registered yet.
    pub fn new() -> Self {
        let held = Held { registry: Registry::default(), journal: Journal::default() };
        let (registered, started) = (watch::Sender::new(0), Instant::now());
        Control { shared: Arc::new(Shared { held: Mutex::new(held), registered, started }) }
    }

    /// Registers the layers of a target, one by one; what was registered for it before stays until it is replaced.
    pub fn target(&self, name: impl Into<Arc<str>>) -> TargetEntry {
        TargetEntry::new(self.clone(), name.into())
    }

    /// Registers the layers of a route: of what chooses among targets.
    pub fn route(&self, name: impl Into<Arc<str>>) -> RouteEntry {
        RouteEntry::new(self.clone(), name.into())
    }

    /// Registers the program's telemetry: its figures and events become part of the [`Status`], and the
    /// [recorder](Control::recorder) tells it of each breaker's state.
    pub fn telemetry(&self, telemetry: Telemetry) {
        self.shared.register(|registry| registry.telemetry = Some(telemetry));
    }

    /// Registers a route and all its targets, in place of what had these names before, and their telemetry, if there is one.
    pub fn insert(&self, route: impl Into<Arc<str>>, handles: &Handles) {
        let name = route.into();
        let route = Route::new(name.clone());
        let route = route.with_failover(handles.failover.clone()).with_hedge(handles.hedge.clone());
        self.shared.register(|registry| {
            *registry.route(&name) = route;
            if let Some(telemetry) = &handles.telemetry {
                registry.telemetry = Some(telemetry.clone());
            }
            if let Some(telemetry) = &handles.telemetry {
                registry.telemetry = Some(telemetry.clone());
            }
            for handles in &handles.targets {
                *registry.target(&handles.name) = Target::new(handles.clone());
            }
        });
    }

    /// Forgets the target's layers. Where a route has it, it is still seen there.
    pub fn forget_target(&self, name: &str) -> Result<(), Refused> {
        let known = self.shared.lock().registry.find(name).map(|_| ());
        known?;
        self.shared.register(|registry| registry.targets.retain(|target| &*target.handles.name != name));
        Ok(())
    }

    /// Forgets the route, not its targets.
    pub fn forget_route(&self, name: &str) -> Result<(), Refused> {
        let known = self.shared.lock().registry.find_route(name).map(|_| ());
        known?;
        self.shared.register(|registry| registry.routes.retain(|route| &*route.name != name));
        Ok(())
    }

    /// Takes over what `new` has registered, in place of all that is registered here, at one stroke: for a program that
    /// reads its configuration again. The events stay, and the telemetry, if `new` has none.
    ///
    /// ```
    /// use buttress::{breaker::BreakerLayer, control::Control};
    ///
    /// let control = Control::new(); // handed to the admin pages once
    /// control.target("openai").breaker(BreakerLayer::default().handle());
    ///
    /// let reloaded = Control::new();
    /// reloaded.target("anthropic").breaker(BreakerLayer::default().handle());
    /// control.replace(&reloaded);
    /// assert_eq!(&*control.status().targets[0].name, "anthropic");
    /// ```
    pub fn replace(&self, new: &Control) {
        // Copied first: two locks at once could be taken in two orders.
        let Registry { targets, routes, telemetry } = new.shared.lock().registry.clone();
        self.shared.register(|old| {
            let telemetry = telemetry.or_else(|| old.telemetry.take());
            *old = Registry { targets, routes, telemetry };
        });
    }

    /// Everything as it is now. Its parts are read one after the other, not at one stroke.
    pub fn status(&self) -> Status {
        let (registry, events) = {
            let mut held = self.shared.lock();
            let Held { registry, journal } = &mut *held;
            journal.record(registry);
            (registry.clone(), journal.events())
        };
        // The gates of a failover are the user's code: they are asked outside of the lock.
        Status::of(&registry, events, self.shared.started.elapsed())
    }

    /// Whether every route has a target that can serve, and if not, why.
    pub fn readiness(&self) -> Readiness {
        self.shared.record();
        let registry = self.shared.lock().registry.clone();
        Readiness::of(&registry)
    }

    /// For how long this handle, usually the program, has been there.
    pub fn uptime(&self) -> Duration {
        self.shared.started.elapsed()
    }

    /// A future that writes down each change of a breaker or a failover when it happens.
    ///
    /// Whoever looks at this handle makes it record what is new, but the layers keep no more than their latest change: of
    /// two between two looks the first would be missing among the events. Spawn this future, once, to have both, and to have
    /// the breakers' states in the metrics of the registered [telemetry](Control::telemetry). Nothing else depends on it. It
    /// ends when the last clone of the handle is dropped.
    pub fn recorder(&self) -> impl Future<Output = ()> + Send + use<> {
        recorder::run(self)
    }
}

impl Default for Control {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = &self.shared.lock().registry;
        let targets = registry.targets.iter().map(|target| &target.handles.name).collect::<Vec<_>>();
        let routes = registry.routes.iter().map(|route| &route.name).collect::<Vec<_>>();
        f.debug_struct("Control").field("routes", &routes).field("targets", &targets).finish_non_exhaustive()
    }
}
