//! The place of a target in routes.

use crate::{
    control::{Control, Refused, refused::Kind},
    failover::{FailoverHandle, InvalidTargets},
};

/// The place of a target in routes. These methods fail if there is no such route, or if it has no such target.
impl Control {
    /// Takes the target out of service in every route that has it: what runs there finishes, nothing new starts.
    ///
    /// Fails if no route has it. The routes are changed one after the other.
    pub fn drain(&self, target: &str) -> Result<(), Refused> {
        self.everywhere(target, |failover| failover.drain(target))?;
        self.changed("drain", target);
        Ok(())
    }

    /// Takes a drained target back into service, in every route that has it. Fails if none has it.
    pub fn resume(&self, target: &str) -> Result<(), Refused> {
        self.everywhere(target, |failover| failover.resume(target))?;
        self.changed("resume", target);
        Ok(())
    }

    /// Takes the target out of service in one route.
    pub fn drain_in(&self, route: &str, target: &str) -> Result<(), Refused> {
        self.in_route(route, &[target], |failover| failover.drain(target))?;
        self.changed("drain", target);
        Ok(())
    }

    /// Takes a drained target back into service in one route.
    pub fn resume_in(&self, route: &str, target: &str) -> Result<(), Refused> {
        self.in_route(route, &[target], |failover| failover.resume(target))?;
        self.changed("resume", target);
        Ok(())
    }

    /// Puts these targets of the route first, in this order; the others follow as before. Tiers still come before order.
    ///
    /// Fails also if one comes twice.
    pub fn reorder<N: AsRef<str>>(
        &self,
        route: &str,
        targets: impl IntoIterator<Item = N>,
    ) -> Result<(), Refused> {
        let targets: Vec<N> = targets.into_iter().collect();
        let names: Vec<&str> = targets.iter().map(AsRef::as_ref).collect();
        self.in_route(route, &names, |failover| failover.reorder(&names))?;
        self.changed_route("reorder", route, None, format!("order changed, first: {}", names.join(", ")));
        Ok(())
    }

    /// Changes the target's share of a weighted tier of the route.
    pub fn set_weight(&self, route: &str, target: &str, weight: u32) -> Result<(), Refused> {
        self.in_route(route, &[target], |failover| failover.set_weight(target, weight))?;
        self.changed_route("weight", route, Some(target), format!("weight is now {weight}"));
        Ok(())
    }

    /// Moves the target to another tier of the route: lower ones are asked first.
    pub fn set_tier(&self, route: &str, target: &str, tier: u32) -> Result<(), Refused> {
        self.in_route(route, &[target], |failover| failover.set_tier(target, tier))?;
        self.changed_route("tier", route, Some(target), format!("tier is now {tier}"));
        Ok(())
    }

    fn in_route(
        &self,
        route: &str,
        targets: &[&str],
        change: impl FnOnce(&FailoverHandle) -> Result<(), InvalidTargets>,
    ) -> Result<(), Refused> {
        let failover = {
            let held = self.shared.lock();
            let failover = held.registry.find_route(route)?.failover.clone();
            let others = held.registry.routes.iter().filter(|route| route.failover.is_some());
            let others = others.map(|route| route.name.clone());
            failover.ok_or_else(|| Refused::unknown(Kind::Route, route, "has no failover", others))?
        };
        // The channel holds one change: what was there before would be lost to this one.
        self.shared.record();
        change(&failover).map_err(|error| {
            let names: Vec<_> = failover.snapshot().into_iter().map(|target| target.name).collect();
            match targets.iter().find(|target| names.iter().all(|name| **name != ***target)) {
                Some(target) => {
                    let problem = format!("route {route:?} does not have it");
                    Refused::unknown(Kind::Target, target, &problem, names)
                }
                None => Refused::by_failover(route, targets, error),
            }
        })
    }

    fn everywhere(
        &self,
        target: &str,
        change: impl Fn(&FailoverHandle) -> Result<(), InvalidTargets>,
    ) -> Result<(), Refused> {
        self.shared.record();
        let failovers: Vec<_> = {
            let held = self.shared.lock();
            held.registry.routes.iter().filter_map(|route| route.failover.clone()).collect()
        };
        // A name that it does not know is all that a failover can have against it.
        if failovers.iter().filter(|failover| change(failover).is_ok()).count() > 0 {
            return Ok(());
        }
        let names = failovers.iter().flat_map(FailoverHandle::snapshot).map(|target| target.name);
        Err(Refused::unknown(Kind::Target, target, "no route has it", names))
    }
}
