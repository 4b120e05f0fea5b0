//! The layer.

use std::{fmt, sync::Arc};

use buttress_call::Http;
use tower_layer::Layer;

use crate::{InvalidPolicy, Limit, LimitHandle, Policy, TextBytes, Unkeyed, keys::ByKey, shared::Shared};

/// Keeps a service within its provider's limits: requests and tokens a minute, and calls in flight.
///
/// A call passes when the provider would let it pass, by a mirror of the provider's own count; else it waits for its turn
/// in its future, first come, first served. So the provider has no reason to answer 429, and nothing of the quota is left
/// unused.
///
/// One layer value is one set of limits: services made by it, their clones and clones of the layer share it.
///
/// ```
/// use buttress_call::{ByError, find};
/// use buttress_limit::{Estimate, LimitLayer, Policy};
/// use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let layer = LimitLayer::new(Policy::per_minute(60, 10_000))?
///     .classify(ByError)
///     .cost(|prompt: &&str| Estimate::new(prompt.len() as u64 / 4).with_max_output(500));
/// let limits = layer.handle();
/// let mut service = ServiceBuilder::new()
///     .layer(layer)
///     .service(service_fn(|_prompt: &'static str| async { Ok::<_, std::io::Error>("Hello!") }));
///
/// service.ready().await?.call("Say hello.").await?;
/// assert_eq!(limits.snapshot().admitted, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct LimitLayer<C = Http, Q = TextBytes, K = Unkeyed> {
    classify: C,
    cost: Q,
    key: K,
    shared: Arc<Shared>,
}

impl LimitLayer {
    /// Limits by this policy, for `http::Request`s. Refuses a policy that makes no sense.
    pub fn new(policy: Policy) -> Result<Self, InvalidPolicy> {
        policy.check()?;
        let shared = Arc::new(Shared::new(&policy));
        Ok(LimitLayer { classify: Http, cost: TextBytes, key: Unkeyed, shared })
    }
}

impl<C, Q, K> LimitLayer<C, Q, K> {
    /// Names the limiter in events. The first name stays.
    pub fn name(self, name: impl Into<Arc<str>>) -> Self {
        self.shared.common.set_name(name.into());
        self
    }

    /// Learns calls' ends from this classifier. The limits are the same as before.
    pub fn classify<C2>(self, classify: C2) -> LimitLayer<C2, Q, K> {
        LimitLayer { classify, cost: self.cost, key: self.key, shared: self.shared }
    }

    /// Estimates requests by this: a closure `Fn(&Req) -> Estimate` or another [`Cost`](crate::Cost).
    pub fn cost<Q2>(self, cost: Q2) -> LimitLayer<C, Q2, K> {
        LimitLayer { classify: self.classify, cost, key: self.key, shared: self.shared }
    }

    /// Gives each key (a tenant, a model, an API key) limits of its own, all by the same policy. The closure
    /// `Fn(&Req) -> T` returns anything that can be hashed. Keys are bounded: see [`Policy::max_keys`].
    pub fn key<F>(self, key: F) -> LimitLayer<C, Q, ByKey<F>> {
        LimitLayer { classify: self.classify, cost: self.cost, key: ByKey::new(key), shared: self.shared }
    }

    /// The limiter's handle.
    pub fn handle(&self) -> LimitHandle {
        LimitHandle::new(self.shared.clone())
    }
}

impl<S, C: Clone, Q: Clone, K: Clone> Layer<S> for LimitLayer<C, Q, K> {
    type Service = Limit<S, C, Q, K>;

    fn layer(&self, inner: S) -> Self::Service {
        Limit::new(inner, self.classify.clone(), self.cost.clone(), self.key.clone(), self.shared.clone())
    }
}

impl<C, Q, K> fmt::Debug for LimitLayer<C, Q, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LimitLayer").field("limits", &self.handle()).finish_non_exhaustive()
    }
}
