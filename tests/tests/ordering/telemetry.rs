//! Where telemetry stands.

use buttress_sim::{Fault, Rule};
use buttress_telemetry::{Attempts, Telemetry};
use buttress_tests::{
    fleet::{broken, client, quick},
    journey::{Client, erase},
};
use buttress_timeout::{TimeoutLayer, Timeouts};
use tower::{Layer, ServiceBuilder};

use super::{SECOND, call, in_order};

fn attempt_limit() -> TimeoutLayer {
    TimeoutLayer::new(Timeouts { first_content: Some(SECOND.into()), ..Timeouts::attempt() }).unwrap()
}

/// What is written down of two calls to a target that stays silent.
async fn silent(stack: impl Fn(&Telemetry, Client) -> Client) -> (Attempts, u64) {
    let telemetry = Telemetry::default();
    let stack = stack(&telemetry, client(&broken(quick("a"), Fault::BlackHole)));
    for _ in 0..2 {
        call(&stack).await.unwrap_err();
    }
    let seen = telemetry.snapshot().total;
    (seen.attempts, seen.failures.get("timeout").copied().unwrap_or(0))
}

#[tokio::test(start_paused = true)]
async fn a_silent_provider_is_a_time_out_only_outside_of_the_attempts_time_out() {
    let outside = silent(|telemetry, target| {
        let layers = ServiceBuilder::new().layer(telemetry.attempt("a")).layer(attempt_limit());
        erase(layers.service(target))
    });
    let (attempts, timeouts) = outside.await;
    assert_eq!((attempts.failed, attempts.cancelled, timeouts), (2, 0, 2));
    let inside = silent(|telemetry, target| {
        let layers = ServiceBuilder::new().layer(attempt_limit()).layer(telemetry.attempt("a"));
        erase(layers.service(target))
    });
    let (attempts, timeouts) = inside.await;
    assert_eq!((attempts.failed, attempts.cancelled, timeouts), (0, 2, 0));
}

#[tokio::test(start_paused = true)]
async fn inside_of_the_failover_a_calls_layer_counts_each_target_as_a_call() {
    let targets = || {
        let [a, b] = [quick("a"), quick("b")];
        a.inject(Rule::always(Fault::Refuse)).unwrap();
        [client(&a), client(&b)]
    };
    let outside = Telemetry::default();
    call(&erase(outside.call().layer(in_order(targets())))).await.unwrap();
    let inside = Telemetry::default();
    call(&erase(in_order(targets().map(|target| erase(inside.call().layer(target)))))).await.unwrap();
    let counted = |telemetry: &Telemetry| {
        let calls = telemetry.snapshot().calls;
        (calls.started, calls.failed, calls.ok)
    };
    assert_eq!((counted(&outside), counted(&inside)), ((1, 0, 1), (2, 1, 1)));
}
