//! The layer.

use std::{fmt, sync::Arc};

use buttress_call::Http;
use tower_layer::Layer;

use crate::{Breaker, BreakerHandle, InvalidPolicy, Policy, shared::Shared};

/// Puts a circuit in front of a service.
///
/// A target that fails call after call is left alone for a while: its callers learn it at once instead of waiting for
/// one more time-out, and it is not kept down by their traffic. Then a few probes find out whether it is back.
///
/// One layer value is one circuit: services made by it, their clones and clones of the layer share it.
///
/// The defaults are those of [`Policy::default`]: 5 failures in a row open it for 60 s, 3 good probes close it.
///
/// ```
/// use buttress_breaker::BreakerLayer;
/// use buttress_call::{ByError, Error, Kind, Origin, find};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let layer = BreakerLayer::default().name("openai").classify(ByError);
/// let circuit = layer.handle();
/// let mut service = ServiceBuilder::new().layer(layer).service(service_fn(|_prompt: &'static str| async {
///     Err::<String, _>(Error::new(Kind::Server, Origin::Upstream, "status 500"))
/// }));
///
/// for _ in 0..5 {
///     let error = service.ready().await?.call("Hello").await.unwrap_err();
///     assert_eq!(find(&error).unwrap().kind(), Kind::Server);
/// }
/// assert!(circuit.is_open());
/// let error = service.ready().await?.call("Hello").await.unwrap_err();
/// let error = find(&error).unwrap();
/// assert_eq!(error.kind(), Kind::Rejected);
/// println!("{error}, so retry after {:?}", error.retry_after());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct BreakerLayer<C = Http> {
    classify: C,
    shared: Arc<Shared>,
}

impl BreakerLayer {
    /// A circuit with this policy, for `http::Response`s. Refuses a policy that makes no sense.
    pub fn new(policy: Policy) -> Result<Self, InvalidPolicy> {
        policy.check()?;
        Ok(Self::unchecked(policy))
    }

    fn unchecked(policy: Policy) -> Self {
        BreakerLayer { classify: Http, shared: Arc::new(Shared::new(policy)) }
    }
}

impl Default for BreakerLayer {
    /// A circuit with [`Policy::default`]: 5 failures in a row open it for 60 s, 3 good probes close it.
    fn default() -> Self {
        Self::unchecked(Policy::default())
    }
}

impl<C> BreakerLayer<C> {
    /// Names the circuit in errors and events.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.set_name(name.into());
        self
    }

    /// Seeds the jitter of the open time, for runs that must repeat exactly.
    pub fn seed(self, seed: u64) -> Self {
        self.shared.seed(seed);
        self
    }

    /// Learns calls' ends from this classifier. It is the same circuit as before.
    pub fn classify<C2>(self, classify: C2) -> BreakerLayer<C2> {
        BreakerLayer { classify, shared: self.shared }
    }

    /// The circuit's handle.
    pub fn handle(&self) -> BreakerHandle {
        BreakerHandle::new(self.shared.clone())
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = Breaker<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Breaker::new(inner, self.classify.clone(), self.shared.clone())
    }
}

impl<C> fmt::Debug for BreakerLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerLayer")
            .field("name", &self.shared.name())
            .field("policy", &self.shared.policy())
            .field("state", &self.shared.state())
            .finish_non_exhaustive()
    }
}
