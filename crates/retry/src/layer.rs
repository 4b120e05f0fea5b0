//! The layer.

use std::fmt;

use buttress_call::Http;
use tower_layer::Layer;

use crate::{AnyAnswer, NoHeaders, Retry, RetryPolicy};

/// Sends failed calls again to the same service, as a [`RetryPolicy`] says.
///
/// The short way: it makes the service's errors [`BoxError`](buttress_call::BoxError)s, [prepares](RetryPolicy::prepare)
/// each request, and does as tower's own [`Retry`](tower::retry::Retry) does; only it keeps less of an HTTP request than
/// a clone.
///
/// Services made by it, their clones and clones of the layer share one budget and one generator of jitter.
///
/// ```
/// use std::time::Duration;
/// use buttress_call::{ByError, Error, Failure, Kind, Origin};
/// use buttress_retry::{RetryLayer, RetryPolicy};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let asked = std::sync::atomic::AtomicU32::new(0);
/// # let asked: &'static std::sync::atomic::AtomicU32 = Box::leak(Box::new(asked));
/// # let start = tokio::time::Instant::now();
/// let service = ServiceBuilder::new()
///     .layer(RetryLayer::new(RetryPolicy::default().classify(ByError)))
///     .service(service_fn(|prompt: &'static str| async move {
/// #       let first = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
///         if first {
///             // "429, retry-after: 2"
///             let hint = Some(Duration::from_secs(2));
///             let failure = Failure::new(Kind::RateLimited).with_retry_after(hint);
///             return Err(Error::new(failure, Origin::Upstream, "slow down"));
///         }
///         Ok(format!("{prompt}!"))
///     }));
///
/// assert_eq!(service.oneshot("Hello").await?, "Hello!"); // after a little more than two seconds
/// # assert!(start.elapsed() >= Duration::from_secs(2));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct RetryLayer<C = Http, V = AnyAnswer, H = NoHeaders> {
    policy: RetryPolicy<C, V, H>,
}

impl<C, V, H> RetryLayer<C, V, H> {
    /// Retries as this policy says.
    pub fn new(policy: RetryPolicy<C, V, H>) -> Self {
        RetryLayer { policy }
    }
}

impl Default for RetryLayer {
    /// Retries as [`RetryPolicy::default`] says: 3 attempts, full jitter over 0.5 s, 1 s, … up to 8 s, hints up to 5 s, a
    /// budget of 20 % of the calls plus 10 a second; for `http::Response`s.
    fn default() -> Self {
        RetryLayer::new(RetryPolicy::default())
    }
}

impl<S, C: Clone, V: Clone, H: Clone> Layer<S> for RetryLayer<C, V, H> {
    type Service = Retry<S, C, V, H>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(self.policy.clone(), inner)
    }
}

impl<C, V, H> fmt::Debug for RetryLayer<C, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("policy", &self.policy).finish()
    }
}
