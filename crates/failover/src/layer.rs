//! The layer.

use std::fmt;

use buttress_call::Http;
use tower_layer::Layer;

use crate::{Failover, FailoverHandle};

/// Wraps one client, and makes each target's stack from it.
///
/// Made by [`Failover::layer`], from targets that are no services yet but what one is made from: a provider, an
/// address. Everything else is set on that failover: tiers, strategies, gates.
///
/// One layer value is one list of targets: the services that it makes, their clones and clones of the layer share the
/// order, the cooling, the gates and the handle. Only a target [added](Failover::add) to one of the services is that
/// one's alone, because the others have no stack for it.
///
/// ```
/// use buttress_call::ByError;
/// use buttress_failover::{Failover, PowerOfTwo};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), buttress_call::BoxError> {
/// let client = service_fn(|url: String| async move { Ok::<_, std::convert::Infallible>(url) });
///
/// let layer = Failover::in_order([("east", "http://east"), ("west", "http://west")])?
///     .classify(ByError)
///     .layer(|base: &&str, client| {
///         let base = base.to_string();
///         ServiceBuilder::new().map_request(move |path: &str| format!("{base}{path}")).service(client)
///     });
/// let handle = layer.handle();
/// let fleet = ServiceBuilder::new().layer(layer).service(client);
///
/// handle.drain("east")?;
/// assert_eq!(fleet.oneshot("/v1").await?, "http://west/v1");
/// # Ok(())
/// # }
/// ```
#[must_use = "a layer does nothing until it wraps a service"]
pub struct FailoverLayer<T, F, C = Http> {
    targets: Failover<T, C>,
    make: F,
}

impl<T, F, C> FailoverLayer<T, F, C> {
    pub(crate) fn new(targets: Failover<T, C>, make: F) -> Self {
        FailoverLayer { targets, make }
    }

    /// Looks at the targets, and steers them, while they serve.
    pub fn handle(&self) -> FailoverHandle {
        self.targets.handle()
    }
}

impl<T, F: Clone, C: Clone> Clone for FailoverLayer<T, F, C> {
    // By hand: the targets are shared, and need not be `Clone`.
    fn clone(&self) -> Self {
        FailoverLayer { targets: self.targets.clone(), make: self.make.clone() }
    }
}

impl<Client, T, F, S, C> Layer<Client> for FailoverLayer<T, F, C>
where
    Client: Clone,
    F: Fn(&T, Client) -> S,
    C: Clone,
{
    type Service = Failover<S, C>;

    fn layer(&self, client: Client) -> Self::Service {
        self.targets.map(|target| (self.make)(target, client.clone()))
    }
}

impl<T, F, C> fmt::Debug for FailoverLayer<T, F, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailoverLayer").field("targets", &self.targets).finish_non_exhaustive()
    }
}
