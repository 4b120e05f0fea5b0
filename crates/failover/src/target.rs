//! A target as it is declared.

use std::{fmt, sync::Arc};

use buttress_call::BoxError;
use tower::{ServiceExt, util::BoxCloneSyncService};
use tower_service::Service;

use crate::{
    capability::Capabilities,
    state::{Gate, Reopen},
};

/// A named target: a service, and what is declared of it.
///
/// The defaults: tier 0, weight 1, no gate. What is not declared, the target is taken to have: any model, a window of
/// any size, streams, tools.
///
/// ```
/// use buttress_failover::{Failover, Target};
/// # use tower::service_fn;
/// # use std::convert::Infallible;
/// # let [primary, second, spare] = [(); 3].map(|()| service_fn(|n: u32| async move { Ok::<_, Infallible>(n) }));
///
/// let fleet = Failover::new([
///     Target::new("primary", primary).weight(3),
///     Target::new("second", second).window(32_000).models(["small", "large"]),
///     Target::new("spare", spare).tier(1).without_streaming().without_tools(),
/// ])?;
/// # Ok::<_, buttress_failover::InvalidTargets>(())
/// ```
#[must_use = "a target does nothing until it stands in a failover"]
pub struct Target<S> {
    pub(crate) service: S,
    pub(crate) settings: Settings,
}

/// All of a target but its service.
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    pub(crate) tier: u32,
    pub(crate) weight: u32,
    pub(crate) gate: Option<Gate>,
    pub(crate) reopen: Option<Reopen>,
    pub(crate) capabilities: Capabilities,
}

impl<S> Target<S> {
    /// A target of this name.
    pub fn new(name: impl Into<Arc<str>>, service: S) -> Self {
        let name = name.into();
        let capabilities = Capabilities::default();
        let settings = Settings { name, tier: 0, weight: 1, gate: None, reopen: None, capabilities };
        Target { service, settings }
    }

    /// Calls go to a higher tier only when no target of a lower one can take them.
    pub fn tier(mut self, tier: u32) -> Self {
        self.settings.tier = tier;
        self
    }

    /// Its share of a weighted tier's calls, beside the weights of the others.
    pub fn weight(mut self, weight: u32) -> Self {
        self.settings.weight = weight;
        self
    }

    /// Its context window in tokens, prompt and answer together.
    ///
    /// A request that is estimated to need more (4 bytes of text a token, and its own cap on the answer) goes
    /// elsewhere; if it needs more than every window, the estimate is not believed and the largest is tried. A prompt
    /// that one target found too long goes to larger windows only.
    pub fn window(mut self, tokens: u64) -> Self {
        self.settings.capabilities.window = Some(tokens);
        self
    }

    /// The models that it has, by the names that callers use: requests for others go elsewhere.
    pub fn models<M: Into<Arc<str>>>(mut self, models: impl IntoIterator<Item = M>) -> Self {
        self.settings.capabilities.models = Some(models.into_iter().map(Into::into).collect());
        self
    }

    /// It cannot stream: requests for a stream go elsewhere.
    pub fn without_streaming(mut self) -> Self {
        self.settings.capabilities.no_streaming = true;
        self
    }

    /// It cannot use tools: requests that declare any go elsewhere.
    pub fn without_tools(mut self) -> Self {
        self.settings.capabilities.no_tools = true;
        self
    }

    /// Its price, in any unit that is the same for all targets: for [`Cheapest`](crate::Cheapest).
    pub fn price(mut self, price: f64) -> Self {
        self.settings.capabilities.price = Some(price);
        self
    }

    /// Passes it over while `may_pass` returns `false`, as [`Failover::gate`](crate::Failover::gate) does.
    pub fn gate(mut self, may_pass: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.settings.gate = Some(Box::new(may_pass));
        self
    }

    /// Opens its gate after a good probe, as [`Failover::reopen`](crate::Failover::reopen) does.
    pub fn reopen(mut self, reopen: impl Fn() + Send + Sync + 'static) -> Self {
        self.settings.reopen = Some(Box::new(reopen));
        self
    }
}

impl<N: Into<Arc<str>>, S> From<(N, S)> for Target<S> {
    fn from((name, service): (N, S)) -> Self {
        Target::new(name, service)
    }
}

impl<S> fmt::Debug for Target<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.settings.name).finish_non_exhaustive()
    }
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
