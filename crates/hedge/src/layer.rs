//! The layer.

use std::{fmt, sync::Arc, time::Duration};

use buttress_call::Http;
use tower_layer::Layer;

use crate::{Hedge, HedgeHandle, InvalidPolicy, Policy, Streams, shared::Shared};

/// Sends a call a second time when its first content is late, and takes whichever succeeds first.
///
/// A slow first token is mostly bad luck: a busy replica, a cold cache. A second try at the moment at which 95 % of calls
/// have begun to answer costs 5 % more calls and cuts the tail to a fraction. It also costs money: most providers bill a
/// stream that was cancelled. So there is a budget, and it is kept whatever happens: a slow provider does not get twice
/// the load.
///
/// - **The first success wins.** A try that fails does not end the call while another lives. A failure is hedged at once
///   where that may mend it: kinds that [trip a breaker](buttress_call::Kind::trips), without a hint to wait, and not
///   after every target was tried. A provider's own word on retries counts more than the kind.
/// - **The losers are dropped before the winner's answer is passed on**, which closes their connections.
/// - **The delay counts from the send**, so that a wait in a limiter's queue inside does not hedge itself; and nothing is
///   hedged that has shown content, even if the provider layer still holds it.
/// - **The delay is learnt** from the time to first content, including the age at which slow tries were given up: leaving
///   those out would make the delay too short, and the more so the worse things are. Calls that answer at the first
///   poll, from a cache say, teach nothing.
/// - **A hedge is never waited for.** If there is no budget, if a layer below refuses it, queues it or is not ready, it is
///   dropped, and the call gets no other. A refused one costs no budget.
/// - **Nothing is sent at or after the call's deadline.**
///
/// Through a failover inside, the hedge goes to a target that the call does not use yet. Each try has a clock of its own,
/// and a hedge the cause [`Hedge`](buttress_call::Cause::Hedge). Every clone of the layer, and every service it makes,
/// shares one delay and one budget: use one layer for each kind of traffic.
///
/// It promises nothing for slowness that belongs to the prompt: a second try of a long prompt takes as long.
///
/// # Errors
///
/// When every try failed, the first one's. If a layer on this side refused that one, and a hedge did reach a provider, the
/// hedge's.
///
/// # Cancellation
///
/// Dropping the future drops every try. A hedge that was sent stays spent. The age of a slow call is learnt all the same.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use buttress_call::{BoxError, ByError};
/// use buttress_hedge::HedgeLayer;
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), BoxError> {
/// let mut tries = 0;
/// # let tries = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(tries));
/// let service = service_fn(move |prompt: &'static str| {
///     let first = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
///     async move {
///         tokio::time::sleep(Duration::from_secs(if first { 60 } else { 1 })).await;
///         Ok::<_, std::io::Error>(prompt.len())
///     }
/// });
/// let hedge = HedgeLayer::after(Duration::from_secs(2))?.classify(ByError);
/// let handle = hedge.handle();
/// let began = tokio::time::Instant::now();
/// assert_eq!(ServiceBuilder::new().layer(hedge).service(service).oneshot("hello").await?, 5);
/// assert_eq!(began.elapsed(), Duration::from_secs(3));
/// assert_eq!(handle.snapshot().won, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it wraps a service"]
pub struct HedgeLayer<C = Http, W = Streams> {
    shared: Arc<Shared>,
    classify: C,
    when: W,
}

impl HedgeLayer {
    /// A layer with this policy, over HTTP. Refuses a policy that makes no sense.
    pub fn new(policy: Policy) -> Result<Self, InvalidPolicy> {
        Ok(HedgeLayer { shared: Shared::new(policy)?, classify: Http, when: Streams })
    }

    /// [`Policy::budget`]: this share of calls may be tried twice, after a delay that is learnt.
    pub fn budget(share: f64) -> Result<Self, InvalidPolicy> {
        Self::new(Policy::budget(share))
    }

    /// [`Policy::after`]: a fixed delay, and a budget of 5 %.
    pub fn after(delay: Duration) -> Result<Self, InvalidPolicy> {
        Self::new(Policy::after(delay))
    }
}

impl<C, W> HedgeLayer<C, W> {
    /// Judges calls by `classify` instead of [`Http`]: for typed clients.
    pub fn classify<C2>(self, classify: C2) -> HedgeLayer<C2, W> {
        HedgeLayer { shared: self.shared, classify, when: self.when }
    }

    /// Hedges only the requests that `when` says yes to, instead of all that stream ([`Streams`]).
    pub fn when<W2>(self, when: W2) -> HedgeLayer<C, W2> {
        HedgeLayer { shared: self.shared, classify: self.classify, when }
    }

    /// Looks at it while it works.
    pub fn handle(&self) -> HedgeHandle {
        HedgeHandle::new(self.shared.clone())
    }
}

impl<S, C: Clone, W: Clone> Layer<S> for HedgeLayer<C, W> {
    type Service = Hedge<S, C, W>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedge::new(inner, self.shared.clone(), self.classify.clone(), self.when.clone())
    }
}

impl<C, W> fmt::Debug for HedgeLayer<C, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeLayer").field("policy", &self.shared.policy).finish_non_exhaustive()
    }
}
