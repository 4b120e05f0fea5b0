//! Attempts, by what led to them.

use buttress_call::{BoxError, Cause};
use buttress_telemetry::{Attempts, Telemetry};
use tower::{ServiceExt, service_fn};

use crate::support::{Client, Script, Step, around, ask, attempt, call, next, usage};

/// First, retries, hedges, failovers.
fn causes(attempts: &Attempts) -> [u64; 4] {
    [attempts.first, attempts.retries, attempts.hedges, attempts.failovers]
}

/// What each attempt of a call is, and where it goes.
fn fleet(telemetry: &Telemetry, script: &Script, way: &'static [(Cause, &str)]) -> Client {
    let targets: Vec<Client> = way.iter().map(|(_, target)| attempt(telemetry, target, script)).collect();
    around(
        telemetry,
        service_fn(move |request: crate::support::Request| {
            let targets = targets.clone();
            async move {
                let mut last = None;
                for ((cause, _), target) in way.iter().zip(targets) {
                    let request =
                        if *cause == Cause::First { request.clone() } else { next(&request, *cause) };
                    last = Some(target.oneshot(request).await?);
                }
                last.ok_or_else(|| BoxError::from("no way"))
            }
        }),
    )
}

#[tokio::test]
async fn each_attempt_has_one_cause_and_one_target() {
    let telemetry = Telemetry::default();
    let script = Script::of((0..4).map(|_| Step::Whole(usage(1, 1))));
    let way = &[(Cause::First, "a"), (Cause::Retry, "a"), (Cause::Hedge, "b"), (Cause::Failover, "c")];
    call(&fleet(&telemetry, &script, way), ask("m")).await.unwrap();
    let seen = telemetry.snapshot();
    assert_eq!(causes(&seen.total.attempts), [1, 1, 1, 1]);
    assert_eq!(seen.calls.started, 1);
    let targets: Vec<_> =
        seen.targets.iter().map(|target| (&*target.name, causes(&target.work.attempts))).collect();
    assert_eq!(targets, [("a", [1, 1, 0, 0]), ("b", [0, 0, 1, 0]), ("c", [0, 0, 0, 1])]);
}

#[tokio::test]
async fn attempts_with_the_same_number_are_not_taken_for_one() {
    let telemetry = Telemetry::default();
    let script = Script::of([Step::Streams, Step::Streams]);
    let target = attempt(&telemetry, "a", &script);
    let two = service_fn(move |request: crate::support::Request| {
        let target = target.clone();
        async move {
            // Two hedges of one call: both are its second attempt.
            let hedges = [(); 2].map(|()| target.clone().oneshot(next(&request, Cause::Hedge)));
            let [one, other] = hedges;
            let (one, other) = futures_util::future::join(one, other).await;
            drop(one?);
            other
        }
    });
    call(&around(&telemetry, two), ask("m")).await.unwrap();
    drop(script.stream());
    script.end(Some(usage(5, 5)), buttress_call::Outcome::Success);
    let seen = telemetry.snapshot();
    assert_eq!(
        (seen.total.attempts.hedges, seen.total.attempts.cancelled, seen.total.attempts.ok),
        (2, 1, 1)
    );
    assert_eq!(seen.total.tokens.useful.total(), 10);
}
