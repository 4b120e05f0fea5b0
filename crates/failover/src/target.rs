//! The named targets, and what their clones share.

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, OnceLock},
};

use buttress_call::BoxError;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use crate::{InvalidTargets, cooling::Cooler, invalid::Rule};

/// A call notes the targets it has tried in one word.
pub(crate) const MAX_TARGETS: usize = u64::BITS as usize;

pub(crate) struct Target<S> {
    pub(crate) service: S,
    pub(crate) state: Arc<State>,
}

/// What every clone of a failover, and every handle, knows of one target.
pub(crate) struct State {
    pub(crate) name: Arc<str>,
    pub(crate) gate: OnceLock<Gate>,
    pub(crate) cooler: Cooler,
}

/// True while calls may pass.
pub(crate) type Gate = Box<dyn Fn() -> bool + Send + Sync>;

impl State {
    #[inline]
    pub(crate) fn is_gated(&self) -> bool {
        self.gate.get().is_some_and(|may_pass| !may_pass())
    }
}

impl<S> fmt::Debug for Target<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.state.name)
    }
}

pub(crate) fn in_order<S, N: Into<Arc<str>>>(
    targets: impl IntoIterator<Item = (N, S)>,
) -> Result<Arc<[Target<S>]>, InvalidTargets> {
    let mut names = HashSet::new();
    let mut list = Vec::new();
    for (position, (name, service)) in targets.into_iter().enumerate() {
        let name = name.into();
        if name.is_empty() {
            return Err(Rule::Unnamed(position).into());
        }
        if !names.insert(name.clone()) {
            return Err(Rule::Twice(name).into());
        }
        if position == MAX_TARGETS {
            return Err(Rule::TooMany.into());
        }
        let state = Arc::new(State { name, gate: OnceLock::new(), cooler: Cooler::new() });
        list.push(Target { service, state });
    }
    if list.is_empty() { Err(Rule::Empty.into()) } else { Ok(list.into()) }
}

/// Boxes a target, so that targets of different types can stand in one list.
///
/// Costs an allocation at each call of the target and one at each clone; targets that share a type need no box.
///
/// ```
/// use buttress_failover::{Failover, boxed};
/// # use tower::{ServiceExt, service_fn};
/// # use std::convert::Infallible;
/// # let small = service_fn(|n: u32| async move { Ok::<_, Infallible>(n) });
/// # let large = small.map_response(|n: u32| n);
///
/// let fleet = Failover::in_order([boxed("small", small), boxed("large", large)])?;
/// # Ok::<_, buttress_failover::InvalidTargets>(())
/// ```
pub fn boxed<N, S, Req>(name: N, service: S) -> (N, BoxCloneSyncService<Req, S::Response, BoxError>)
where
    S: Service<Req> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + 'static,
    S::Future: Send + 'static,
    S::Response: 'static,
    Req: 'static,
{
    (name, BoxCloneSyncService::new(service.map_err(Into::into)))
}
