//! A failover seen, and steered, from outside.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::sync::watch;

use crate::{Change, Cooldown, InvalidTargets, Strategy, roster::Roster, state::State};

/// Looks at a failover's targets, and steers them, while it serves. Cheap to clone, independent of the targets' type.
///
/// No call is lost by it: attempts under way run to their end, calls that are about to choose a target choose from the
/// new list, and calls that wait for one look again. What was changed when a method returns, calls that start after it
/// heed. Only [`add`](crate::Failover::add) needs a service, so it is the failover's own.
///
/// The methods that take a name fail if no target has it, and then change nothing.
///
/// ```
/// # use buttress_failover::Failover;
/// # use tower::service_fn;
/// # use std::convert::Infallible;
/// # let [a, b] = [(); 2].map(|()| service_fn(|n: u32| async move { Ok::<_, Infallible>(n) }));
/// let fleet = Failover::in_order([("openai", a), ("anthropic", b)])?;
/// let handle = fleet.handle();
/// let changes = handle.watch();
///
/// handle.drain("openai")?; // maintenance
/// assert!(changes.has_changed().unwrap());
/// for target in handle.snapshot() {
///     println!("{} {:?}, {} in flight", target.name, target.state, target.in_flight);
/// }
/// handle.resume("openai")?;
/// # Ok::<_, buttress_failover::InvalidTargets>(())
/// ```
#[derive(Clone)]
pub struct FailoverHandle {
    pub(crate) roster: Arc<Roster>,
}

/// A target at one moment.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TargetSnapshot {
    /// Its name.
    pub name: Arc<str>,
    /// Its tier: lower ones are asked first.
    pub tier: u32,
    /// Its share of a weighted tier.
    pub weight: u32,
    /// What it does, and what keeps it from serving.
    pub state: TargetState,
    /// Why it is out of service, and for how much longer; `None` while it serves.
    pub cooling: Option<Cooldown>,
    /// The models that it does not have, by the name that callers use.
    pub cooling_models: Vec<(Arc<str>, Cooldown)>,
    /// Whether its gate keeps calls from it.
    pub gated: bool,
    /// The estimate of its time to first content: a moving average over 10 s, in which a failure counts as 10 s. `None`
    /// before its first call.
    pub first_content: Option<Duration>,
    /// The calls that it serves, to the end of their answers.
    pub in_flight: u32,
    /// The share of its calls that succeed, between 0 and 1: about the last ten calls count, a minute at most.
    pub success_rate: f64,
}

/// Whether a target serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetState {
    /// It takes calls.
    Serving,
    /// It is back, or new, and takes this many calls at once so far. More go there only if nobody else can take them.
    WarmingUp(u32),
    /// It takes no more calls: an operator said so.
    Drained,
    /// Its gate lets nothing through.
    Gated,
    /// A failure took it out of service.
    Cooling(Cooldown),
}

impl FailoverHandle {
    /// Every target, by tier and in order.
    pub fn snapshot(&self) -> Vec<TargetSnapshot> {
        // Gates are the user's code: they are asked outside of the roster's lock.
        self.roster.list().1.states.iter().map(|state| TargetSnapshot::of(state)).collect()
    }

    /// The changes. A receiver always has the latest; a slow one may miss some before.
    pub fn watch(&self) -> watch::Receiver<Change> {
        self.roster.news.watch()
    }

    /// Puts the named targets first, in this order; the others follow as before. Tiers still come before order.
    ///
    /// Fails also if a name comes twice.
    pub fn reorder<N: AsRef<str>>(&self, names: impl IntoIterator<Item = N>) -> Result<(), InvalidTargets> {
        let names: Vec<N> = names.into_iter().collect();
        self.roster.reorder(names.iter().map(N::as_ref))
    }

    /// Takes the target out of service: what runs there finishes, nothing new starts, not even as a last resort.
    ///
    /// [`Change::Idle`] and a snapshot's `in_flight` tell when it is done. If every target is drained, calls fail.
    pub fn drain(&self, name: &str) -> Result<(), InvalidTargets> {
        self.roster.drain(name, true)
    }

    /// Takes a target back into service: one that was drained, and one that a failure took out, as after a bill was
    /// paid. It starts slowly.
    pub fn resume(&self, name: &str) -> Result<(), InvalidTargets> {
        self.roster.drain(name, false)?;
        self.roster.forgive(name)
    }

    /// Removes the target; what runs there finishes. A call to a failover without targets fails.
    ///
    /// Its service is dropped once its last attempt has ended and every clone of the failover was called or cloned again.
    pub fn remove(&self, name: &str) -> Result<(), InvalidTargets> {
        self.roster.remove(name)
    }

    /// Changes the target's share of a weighted tier.
    pub fn set_weight(&self, name: &str, weight: u32) -> Result<(), InvalidTargets> {
        let state = self.roster.find(name)?;
        state.weight.store(weight, Relaxed);
        state.tell(Change::Weighted);
        Ok(())
    }

    /// Changes the strategy of every tier that has none of its own.
    pub fn set_strategy(&self, strategy: impl Strategy) {
        self.roster.set_strategy(None, Arc::new(strategy));
    }

    /// Moves the target to another tier.
    pub fn set_tier(&self, name: &str, tier: u32) -> Result<(), InvalidTargets> {
        self.roster.set_tier(name, tier)
    }
}

impl TargetSnapshot {
    fn of(state: &State) -> Self {
        let (cooling, cooling_models) = state.cooler.snapshot();
        let gated = state.is_gated();
        let now = match cooling {
            _ if state.is_drained() => TargetState::Drained,
            _ if gated => TargetState::Gated,
            Some(cooldown) => TargetState::Cooling(cooldown),
            None => state.cooler.warm_up.allowed().map_or(TargetState::Serving, TargetState::WarmingUp),
        };
        TargetSnapshot {
            name: state.name.clone(),
            tier: state.tier(),
            weight: state.weight.load(Relaxed),
            state: now,
            cooling,
            cooling_models,
            gated,
            first_content: state.traffic.first_content(),
            in_flight: state.traffic.in_flight(),
            success_rate: state.traffic.success_rate(),
        }
    }
}

impl fmt::Debug for FailoverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.roster.list().1.states.iter().map(|state| &state.name)).finish()
    }
}
