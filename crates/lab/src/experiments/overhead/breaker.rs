//! A closed circuit, which is given no reason to open.

use std::time::Duration;

use buttress_breaker::{BreakerLayer, Policy, Rate};
use buttress_call::{BoxError, ByError};
use failsafe::{Config, FailurePolicy, backoff, failure_policy, futures::CircuitBreaker};
use tokio::time::Instant;
use tower::{Layer, Service};
use tower_resilience::circuitbreaker::{
    CircuitBreakerConfigBuilder, CircuitBreakerLayer, DefaultClassifier, SlidingWindowType,
};

use super::{
    OURS, PEER,
    inner::{Echo, Plain},
    subject::Subject,
};

const FAILURES: u32 = 5;
const OPEN: Duration = Duration::from_secs(60);
const WINDOW: Duration = Duration::from_secs(30);
const HALF: Rate = Rate { share: 0.5, minimum: 10 };
/// What a peer's window of calls remembers.
const CALLS: usize = 100;

pub(super) type PeerLayer = CircuitBreakerLayer<DefaultClassifier>;

/// Trips on five failures in a row.
pub(super) fn subjects(case: &str, inner: impl Plain) -> Result<Vec<Subject>, BoxError> {
    let failures = failure_policy::consecutive_failures(FAILURES, backoff::constant(OPEN));
    Ok(vec![
        ours(case, inner.clone(), Policy::default())?,
        Subject::service(case, PEER, peer()?.layer(inner.clone())),
        failsafe(case, inner, failures),
    ])
}

pub(super) fn peer() -> Result<PeerLayer, BoxError> {
    Ok(builder().consecutive_failures(FAILURES as usize).build()?)
}

/// The same, and on a rate, or on a rate of slow answers.
pub(super) fn variants() -> Result<Vec<Subject>, BoxError> {
    let rate = Policy { failure_rate: Some(HALF), window: WINDOW, ..Policy::default() };
    let both = Policy { window: WINDOW, ..Policy::with_rates() };
    let rated =
        || builder().failure_rate_threshold(HALF.share).minimum_number_of_calls(HALF.minimum as usize);
    let counted = || rated().sliding_window_type(SlidingWindowType::CountBased).sliding_window_size(CALLS);
    let slow = counted().slow_call_duration_threshold(OPEN).slow_call_rate_threshold(HALF.share);
    let success = || {
        let open = backoff::constant(OPEN);
        failure_policy::success_rate_over_time_window(1.0 - HALF.share, HALF.minimum, WINDOW, open)
    };
    let mut subjects = vec![
        ours("breaker/count_window", Echo, rate)?,
        Subject::service("breaker/count_window", PEER, counted().build()?.layer(Echo)),
        ours("breaker/slow_rate", Echo, both)?,
        Subject::service("breaker/slow_rate", PEER, slow.build()?.layer(Echo)),
    ];
    for (case, calls) in [("breaker/time_window_100", 100), ("breaker/time_window_10k", 10_000)] {
        let timed = |window| {
            let timed = rated().sliding_window_type(SlidingWindowType::TimeBased);
            timed.sliding_window_duration(window).build()
        };
        let window = window_that_holds(calls, |window| Ok(timed(window)?.layer(Echo)))?;
        let peer = Subject::service(case, PEER, timed(window)?.layer(Echo));
        subjects.extend([
            ours(case, Echo, rate)?,
            // What its window has lost while others had their turn comes back first.
            Subject { warm_up: calls, ..peer },
            failsafe(case, Echo, success()),
        ]);
    }
    Ok(subjects)
}

fn ours(case: &str, inner: impl Plain, policy: Policy) -> Result<Subject, BoxError> {
    Ok(Subject::service(case, OURS, BreakerLayer::new(policy)?.classify(ByError).layer(inner)))
}

fn builder() -> CircuitBreakerConfigBuilder<DefaultClassifier> {
    CircuitBreakerLayer::builder().wait_duration_in_open(OPEN)
}

fn failsafe(case: &str, inner: impl Plain, policy: impl FailurePolicy + Send + Sync + 'static) -> Subject {
    let failsafe = Config::new().failure_policy(policy).build();
    Subject::new(case, "failsafe", move || {
        let (circuit, mut inner) = (failsafe.clone(), inner.clone());
        async move |number| circuit.call(inner.call(number)).await.is_ok()
    })
}

/// A window so long that this machine makes so many calls within it. They take the longer the more it holds, so what a
/// call takes is measured with as many in it.
fn window_that_holds<S: Service<u64, Response = u64> + Clone + Send + 'static>(
    calls: u32,
    make: impl Fn(Duration) -> Result<S, BoxError>,
) -> Result<Duration, BoxError> {
    const FOR_EVER: Duration = Duration::from_secs(3_600);
    const TIMED: u32 = 20;
    let service = make(FOR_EVER)?;
    let mut work = (Subject::service("", "", service).make)();
    work(calls);
    // The fastest of some, because a machine is never too fast.
    let fastest = (0..10).map(|_| {
        let begun = Instant::now();
        work(TIMED);
        begun.elapsed() / TIMED
    });
    Ok(fastest.min().unwrap_or_default() * calls)
}
