//! Tokens: what they were spent for.

use buttress_call::{BoxError, Cause, Kind, Outcome};
use buttress_telemetry::{Amount, Price, Settings, Telemetry};
use tokio::sync::Notify;
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{Client, Script, Step, around, ask, attempt, both, call, next, tokens, usage};

#[tokio::test]
async fn those_of_an_answer_are_useful_when_it_ends() {
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Streams, Step::Whole(usage(3, 4))]));
    let client = both(&telemetry, &script);
    call(&client, ask("m")).await.unwrap();
    assert_eq!(tokens(&telemetry.snapshot()), [0, 0, 0, 0]);
    script.end(Some(usage(10, 5)), Outcome::Success);
    assert_eq!(tokens(&telemetry.snapshot()), [15, 15, 0, 0]);
    call(&client, ask("m")).await.unwrap();
    assert_eq!(tokens(&telemetry.snapshot()), [22, 22, 0, 0]);
}

#[tokio::test]
async fn those_of_a_failure_are_wasted_before_the_answer_and_after() {
    let telemetry = Telemetry::default();
    let script = Script::of([Step::Fails(Kind::Server, Some(usage(10, 0))), Step::Streams]);
    let client = both(&telemetry, &script);
    call(&client, ask("m")).await.unwrap_err();
    assert_eq!(tokens(&telemetry.snapshot()), [10, 0, 10, 0]);
    call(&client, ask("m")).await.unwrap();
    script.end(Some(usage(10, 5)), Kind::Broken.into());
    assert_eq!(tokens(&telemetry.snapshot()), [25, 0, 25, 0]);
}

#[tokio::test]
async fn a_caller_who_walks_away_has_what_he_has_read_and_one_who_left_before_has_nothing() {
    let telemetry = Telemetry::default();
    let script = Script::of([Step::Streams, Step::Hangs(Some(usage(7, 0)))]);
    let client = both(&telemetry, &script);
    call(&client, ask("m")).await.unwrap();
    let (progress, ender) = script.stream();
    progress.set_usage(usage(10, 2));
    drop(ender);
    assert_eq!(tokens(&telemetry.snapshot()), [12, 12, 0, 0]);
    let mut gone = Box::pin(call(&client, ask("m")));
    assert!(futures_util::poll!(gone.as_mut()).is_pending());
    drop(gone);
    assert_eq!(tokens(&telemetry.snapshot()), [19, 12, 7, 0]);
}

#[tokio::test]
async fn those_of_a_hedge_that_lost_are_wasted() {
    let telemetry = Telemetry::default();
    let script = Script::of([Step::Hangs(Some(usage(7, 0))), Step::Streams]);
    let target = attempt(&telemetry, "a", &script);
    let race = service_fn(move |request: crate::support::Request| {
        let target = target.clone();
        async move {
            let first = target.clone().oneshot(request.clone());
            let hedge = target.oneshot(next(&request, Cause::Hedge));
            let won: Result<_, BoxError> = futures_util::future::select(first, hedge).await.factor_first().0;
            won
        }
    });
    call(&around(&telemetry, race), ask("m")).await.unwrap();
    assert_eq!(tokens(&telemetry.snapshot()), [7, 0, 7, 0]);
    script.end(Some(usage(7, 3)), Outcome::Success);
    assert_eq!(tokens(&telemetry.snapshot()), [17, 10, 7, 0]);
}

/// An attempt whose answer is thrown away by a layer above it, and another one after it.
async fn refused(first: Step) -> [u64; 4] {
    let telemetry = Telemetry::default();
    let streams = matches!(first, Step::Streams);
    let script = Script::of([first, Step::Whole(usage(2, 2))]);
    let target = attempt(&telemetry, "a", &script);
    let twice = service_fn(move |request: crate::support::Request| {
        let (target, script) = (target.clone(), script.clone());
        async move {
            drop(target.clone().oneshot(request.clone()).await?);
            if streams {
                script.end(Some(usage(1, 0)), Outcome::Cancelled);
            }
            target.oneshot(next(&request, Cause::Retry)).await
        }
    });
    call(&around(&telemetry, twice), ask("m")).await.unwrap();
    tokens(&telemetry.snapshot())
}

#[tokio::test]
async fn those_of_an_answer_that_is_refused_and_asked_for_again_are_wasted() {
    assert_eq!(refused(Step::Whole(usage(1, 0))).await, [5, 4, 1, 0]);
}

#[tokio::test]
async fn also_if_it_was_a_stream() {
    assert_eq!(refused(Step::Streams).await, [5, 4, 1, 0]);
}

/// A client that holds its answers back until it is told to let them go.
fn held_back(telemetry: &Telemetry, script: &Script, gate: &'static Notify) -> Client {
    let target = attempt(telemetry, "a", script);
    let held = service_fn(move |request: crate::support::Request| {
        let answer = target.clone().oneshot(request);
        async move {
            let answer = answer.await;
            gate.notified().await;
            answer
        }
    });
    around(telemetry, held)
}

#[tokio::test]
async fn those_of_an_answer_on_its_way_are_undecided_until_it_is_there_or_lost() {
    let gate: &'static Notify = Box::leak(Box::default());
    let (telemetry, script) = (Telemetry::default(), Script::of((0..2).map(|_| Step::Whole(usage(3, 3)))));
    let client = held_back(&telemetry, &script, gate);
    let mut waits = Box::pin(call(&client, ask("m")));
    assert!(futures_util::poll!(waits.as_mut()).is_pending());
    assert_eq!(tokens(&telemetry.snapshot()), [6, 0, 0, 6]);
    gate.notify_one();
    waits.await.unwrap();
    assert_eq!(tokens(&telemetry.snapshot()), [6, 6, 0, 0]);
    let mut lost = Box::pin(call(&client, ask("m")));
    assert!(futures_util::poll!(lost.as_mut()).is_pending());
    drop(lost);
    assert_eq!(tokens(&telemetry.snapshot()), [12, 6, 6, 0]);
}

#[tokio::test]
async fn those_of_an_answer_that_goes_on_after_its_caller_has_left_are_wasted() {
    let gate: &'static Notify = Box::leak(Box::default());
    let (telemetry, script) = (Telemetry::default(), Script::of([Step::Streams]));
    let client = held_back(&telemetry, &script, gate);
    let mut lost = Box::pin(call(&client, ask("m")));
    assert!(futures_util::poll!(lost.as_mut()).is_pending());
    drop(lost);
    script.end(Some(usage(4, 4)), Outcome::Success);
    assert_eq!(tokens(&telemetry.snapshot()), [8, 0, 8, 0]);
}

#[tokio::test]
async fn without_a_layer_for_calls_an_answer_is_taken_to_be_of_use() {
    let (telemetry, other) = (Telemetry::default(), Telemetry::default());
    let script = Script::of((0..2).map(|_| Step::Whole(usage(3, 3))));
    call(&attempt(&telemetry, "a", &script), ask("m")).await.unwrap();
    // Another record's layer is none.
    call(&around(&other, attempt(&telemetry, "a", &script)), ask("m")).await.unwrap();
    assert_eq!(tokens(&telemetry.snapshot()), [12, 12, 0, 0]);
}

#[tokio::test]
async fn what_may_be_billed_and_was_not_told_is_unmetered() {
    let telemetry = Telemetry::default();
    let fails = |kind| Step::Fails(kind, None);
    let script =
        Script::of([Step::Streams, fails(Kind::Timeout), fails(Kind::RateLimited), Step::Hangs(None)]);
    let client = both(&telemetry, &script);
    call(&client, ask("m")).await.unwrap();
    script.end(None, Outcome::Success);
    for _ in 0..2 {
        call(&client, ask("m")).await.unwrap_err();
    }
    assert_eq!(telemetry.snapshot().total.unmetered, 2, "a 429 costs nothing");
    let mut gone = Box::pin(call(&client, ask("m")));
    assert!(futures_util::poll!(gone.as_mut()).is_pending());
    drop(gone);
    assert_eq!(telemetry.snapshot().total.unmetered, 3);
    // Nothing was sent.
    let queue =
        service_fn(async |_: crate::support::Request| std::future::pending::<Result<_, BoxError>>().await);
    let queue = telemetry.attempt("a").layer(queue);
    let mut gone = Box::pin(around(&telemetry, queue).oneshot(ask("m")));
    assert!(futures_util::poll!(gone.as_mut()).is_pending());
    drop(gone);
    let work = telemetry.snapshot().total;
    assert_eq!((work.attempts.cancelled, work.unmetered), (2, 3));
}

#[tokio::test]
async fn cost_goes_the_way_of_its_tokens_at_the_price_of_the_day() {
    let prices = vec![Price::of("a", "m", 1.0, 10.0)];
    let telemetry = Telemetry::new(Settings { prices, ..Settings::default() }).unwrap();
    let whole = || Step::Whole(usage(100, 10));
    let script = Script::of([whole(), Step::Fails(Kind::Broken, Some(usage(100, 0))), whole(), whole()]);
    let client = both(&telemetry, &script);
    call(&client, ask("m")).await.unwrap();
    call(&client, ask("m")).await.unwrap_err();
    call(&client, ask("unknown")).await.unwrap();
    let work = telemetry.snapshot().total;
    assert_eq!(
        [work.cost.billed, work.cost.useful, work.cost.wasted].map(Amount::billionths),
        [300_000, 200_000, 100_000]
    );
    assert_eq!(work.unpriced, 1);
    telemetry.set_prices(&[Price::of("a", "m", 2.0, 20.0)]).unwrap();
    call(&client, ask("m")).await.unwrap();
    assert_eq!(telemetry.snapshot().total.cost.useful.billionths(), 600_000);
}
