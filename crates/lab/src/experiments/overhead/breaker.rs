//! A closed circuit that trips on five failures in a row, and is given none.

use std::time::Duration;

use buttress_breaker::BreakerLayer;
use buttress_call::{BoxError, ByError};
use failsafe::{Config, backoff, failure_policy, futures::CircuitBreaker};
use tower::{Layer, Service};
use tower_resilience::circuitbreaker::CircuitBreakerLayer;

use super::{OURS, inner::Echo, subject::Subject};

const CASE: &str = "breaker";
const FAILURES: u32 = 5;
const OPEN: Duration = Duration::from_secs(60);

pub(super) fn subjects() -> Result<Vec<Subject>, BoxError> {
    let ours = BreakerLayer::default().classify(ByError);
    let peer = CircuitBreakerLayer::builder()
        .consecutive_failures(FAILURES as usize)
        .wait_duration_in_open(OPEN)
        .build()?;
    let failsafe = Config::new()
        .failure_policy(failure_policy::consecutive_failures(FAILURES, backoff::constant(OPEN)))
        .build();
    Ok(vec![
        Subject::service(CASE, OURS, ours.layer(Echo)),
        Subject::service(CASE, "tower-resilience", peer.layer(Echo)),
        Subject::new(CASE, "failsafe", move || {
            let circuit = failsafe.clone();
            async move |number| circuit.call(Echo.call(number)).await.is_ok()
        }),
    ])
}
