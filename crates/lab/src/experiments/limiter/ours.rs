//! Our arms: the real layer around the simulated provider.

use buttress_call::{BoxError, Http, with_call};
use buttress_limit::{Estimate, LimitLayer, Policy};
use http::Response;
use tower::{Layer, Service};

use super::{
    scene::Scene,
    upstream::{Answer, Ask, Upstream},
};

/// The layer as a user sets it up who knows his limit and how much of it the provider's bucket holds. Everything else is
/// at its default: charging as it streams, waits of 60 s at most, a slow start.
pub(super) fn limited(
    scene: &Scene,
    upstream: Upstream,
) -> Result<
    impl Service<Ask, Response = Response<Answer>, Error = BoxError, Future: Send> + Clone + Send + Sync + 'static,
    BoxError,
> {
    let policy =
        Policy { tokens: Some(scene.limit()), capacity: Some(scene.capacity()), ..Policy::default() };
    let layer = LimitLayer::new(policy)?
        .classify(with_call(Http, |ask: &Ask| &ask.call, |ask| &mut ask.call))
        .cost(|ask: &Ask| Estimate::new(ask.estimate).with_max_output(ask.cap));
    Ok(layer.layer(upstream))
}
