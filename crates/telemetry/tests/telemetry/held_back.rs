//! What the layers between tell of a call.

use std::time::Duration;

use buttress_call::{BoxError, Call, Error, Kind, Note, Origin};
use buttress_telemetry::Telemetry;
use tower::service_fn;

use crate::support::{Request, Response, Script, Step, around, ask, attempt, call, usage};

fn tell(request: &Request, note: Note<'_>) {
    Call::get(request.extensions()).unwrap().tell(note);
}

#[tokio::test]
async fn waits_and_refusals_are_counted_under_the_name_of_their_target() {
    let telemetry = Telemetry::default();
    let script = Script::of([Step::Whole(usage(1, 1))]);
    let _ = attempt(&telemetry, "a", &script);
    let time = Duration::from_millis(300);
    let layers = service_fn(move |request: Request| {
        tell(&request, Note::Waited { limiter: "a", time });
        tell(&request, Note::Waited { limiter: "", time });
        tell(&request, Note::Refused { layer: "limit", name: "a" });
        tell(&request, Note::Refused { layer: "breaker", name: "a" });
        tell(&request, Note::Refused { layer: "breaker", name: "nobody" });
        tell(&request, Note::Retrying { kind: Kind::Server, wait: time });
        async { Ok::<_, BoxError>(Response::new(())) }
    });
    call(&around(&telemetry, layers), ask("m")).await.unwrap();
    let seen = telemetry.snapshot();
    let [total, of_a] = [seen.total.held_back, seen.targets[0].work.held_back];
    assert_eq!((total.limiter_waits, of_a.limiter_waits), (2, 1));
    assert_eq!((total.limiter_wait, of_a.limiter_wait), (2 * time, time));
    assert_eq!((total.limiter_refusals, of_a.limiter_refusals), (1, 1));
    assert_eq!((total.breaker_refusals, of_a.breaker_refusals), (2, 1));
    assert_eq!((total.retry_wait, of_a.retry_wait), (time, Duration::ZERO));
}

#[tokio::test]
async fn a_call_that_no_target_served_is_counted_and_told() {
    let telemetry = Telemetry::default();
    let nobody = service_fn(async |_: Request| {
        let error =
            Error::new(Kind::Overloaded, Origin::Layer("failover"), "no target served").with_exhausted();
        Err::<Response, BoxError>(error.into())
    });
    call(&around(&telemetry, nobody), ask("m")).await.unwrap_err();
    let seen = telemetry.snapshot();
    assert_eq!((seen.calls.exhausted, seen.calls.failures["overloaded"]), (1, 1));
    assert_eq!(seen.events.len(), 1);
}
