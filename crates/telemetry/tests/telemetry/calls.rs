//! Calls: when they begin, when they end, and how.

use std::{panic::AssertUnwindSafe, time::Duration};

use buttress_call::{BoxError, ByError, Kind, Outcome};
use buttress_telemetry::{Calls, Telemetry};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Script, Step, ask, both, call, usage};

const SECOND: Duration = Duration::from_secs(1);

/// Started, ok, failed, cancelled, running.
fn counts(calls: &Calls) -> [u64; 5] {
    [calls.started, calls.ok, calls.failed, calls.cancelled, calls.running]
}

#[tokio::test(start_paused = true)]
async fn a_stream_runs_until_its_true_end() {
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Streams]));
    let response = call(&both(&telemetry, &script), ask("m")).await.unwrap();
    assert_eq!(counts(&telemetry.snapshot().calls), [1, 0, 0, 0, 1]);
    tokio::time::advance(2 * SECOND).await;
    let (progress, ender) = script.stream();
    progress.mark_received(1, 1);
    tokio::time::advance(2 * SECOND).await;
    drop(response);
    ender.end(Outcome::Success);
    let seen = telemetry.snapshot();
    assert_eq!(counts(&seen.calls), [1, 1, 0, 0, 0]);
    let near = |time: Option<Duration>, seconds: f64| {
        let found = time.unwrap().as_secs_f64();
        assert!((found - seconds).abs() < seconds / 16.0, "{found}");
    };
    near(seen.calls.duration.p50, 4.0);
    near(seen.calls.first_content.p99, 2.0);
    near(seen.targets[0].duration.p95, 4.0);
    near(seen.targets[0].first_content.p50, 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_has_failed_and_one_that_is_dropped_was_cancelled() {
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Streams, Step::Streams]));
    let client = both(&telemetry, &script);
    for _ in 0..2 {
        call(&client, ask("m")).await.unwrap();
    }
    script.end(None, Kind::Broken.into());
    drop(script.stream());
    let seen = telemetry.snapshot();
    assert_eq!(counts(&seen.calls), [2, 0, 1, 1, 0]);
    assert_eq!(seen.calls.failures["broken"], 1);
    assert_eq!(seen.total.failures["broken"], 1);
    assert_eq!(seen.calls.success_rate, Some(0.0));
    assert_eq!(seen.calls.duration.samples, 0, "latencies are of what succeeded");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_before_its_answer_was_cancelled() {
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Hangs(None)]));
    let client = both(&telemetry, &script);
    tokio::time::timeout(SECOND, call(&client, ask("m"))).await.unwrap_err();
    let seen = telemetry.snapshot();
    assert_eq!(counts(&seen.calls), [1, 0, 0, 1, 0]);
    assert_eq!((seen.total.attempts.cancelled, seen.total.attempts.running), (1, 0));
    assert_eq!(seen.calls.success_rate, None);
}

#[tokio::test(start_paused = true)]
async fn a_panic_inside_counts_once_as_cancelled() {
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Panics]));
    let client = both(&telemetry, &script);
    let call = AssertUnwindSafe(call(&client, ask("m")));
    futures_util::FutureExt::catch_unwind(call).await.unwrap_err();
    let seen = telemetry.snapshot();
    assert_eq!(counts(&seen.calls), [1, 0, 0, 1, 0]);
    assert_eq!((seen.total.attempts.started(), seen.total.attempts.cancelled), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_fails_to_become_ready_has_made_no_call() {
    let telemetry = Telemetry::default();
    let full =
        tower::util::future_service(std::future::ready(Err::<crate::support::Client, BoxError>("no".into())));
    let error = telemetry.call().layer(full).oneshot(ask("m")).await.unwrap_err();
    assert_eq!(error.to_string(), "no");
    assert_eq!(counts(&telemetry.snapshot().calls), [0; 5]);
}

#[tokio::test(start_paused = true)]
async fn clones_and_services_of_a_layer_write_to_one_record_and_two_telemetries_to_two() {
    let [one, other] = [(); 2].map(|()| Telemetry::default());
    let script = Script::of((0..3).map(|_| Step::Whole(usage(1, 1))));
    let (layer, client) = (one.call(), script.service());
    call(&crate::support::Client::new(layer.layer(client.clone())), ask("m")).await.unwrap();
    call(&crate::support::Client::new(layer.clone().layer(client.clone())), ask("m")).await.unwrap();
    call(&crate::support::Client::new(other.call().layer(client)), ask("m")).await.unwrap();
    assert_eq!([one, other].map(|telemetry| telemetry.snapshot().calls.ok), [2, 1]);
}

#[tokio::test]
async fn a_typed_client_is_counted_by_its_errors() {
    let telemetry = Telemetry::default();
    let client = service_fn(async |n: u32| if n > 0 { Ok(n) } else { Err("zero") });
    let client = telemetry.attempt("a").classify(ByError).layer(client);
    let client = telemetry.call().classify(ByError).layer(client);
    assert_eq!(client.clone().oneshot(3).await.unwrap(), 3);
    client.oneshot(0).await.unwrap_err();
    let seen = telemetry.snapshot();
    assert_eq!(counts(&seen.calls), [2, 1, 1, 0, 0]);
    assert_eq!((seen.total.attempts.first, seen.total.failures["broken"]), (2, 1));
}
