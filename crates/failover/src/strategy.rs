//! Which target of a tier is next.

mod affinity;
mod cheapest;
mod in_order;
mod most_reliable;
mod power_of_two;
mod weighted;

pub use self::{
    affinity::{Affinity, InvalidBound},
    cheapest::Cheapest,
    in_order::InOrder,
    most_reliable::MostReliable,
    power_of_two::PowerOfTwo,
    weighted::Weighted,
};
use crate::{Candidate, Candidates};

/// Chooses the next target of a tier for a call.
///
/// It is asked before each attempt, and again when the target that it chose is not ready or lost its place meanwhile.
/// It runs in the call, outside of any lock, and must not block.
///
/// ```
/// use buttress_failover::{Candidate, Candidates, Failover, Strategy};
/// # use tower::service_fn;
/// # use std::convert::Infallible;
/// # let [a, b] = [(); 2].map(|()| service_fn(|n: u32| async move { Ok::<_, Infallible>(n) }));
///
/// struct LeastInFlight;
///
/// impl Strategy for LeastInFlight {
///     fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
///         candidates.iter().min_by_key(Candidate::in_flight)
///     }
/// }
///
/// let fleet = Failover::in_order([("a", a), ("b", b)])?.strategy(LeastInFlight);
/// # Ok::<_, buttress_failover::InvalidTargets>(())
/// ```
pub trait Strategy: Send + Sync + 'static {
    /// One of the candidates; `None` leaves it to the order of the list.
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>>;
}
