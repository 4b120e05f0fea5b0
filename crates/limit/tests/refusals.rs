//! What a refusal says.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod support;

use std::time::Duration;

use buttress_call::{Call, Cause, Charging, OutputCharge, Usage};
use buttress_limit::{Policy, Why};
use support::{Job, Request, SECOND, Step, exceeded, rig, tokens};

fn says(result: &support::Result) -> String {
    exceeded(result).unwrap().to_string()
}

#[tokio::test(start_paused = true)]
async fn it_names_the_limit_the_need_what_is_left_and_the_reason() {
    let rig = rig(Policy { max_wait: 10 * SECOND, ..tokens() });
    let result = rig.send(Job::quick(601)).await;
    assert_eq!(
        says(&result),
        "limit of tokens a minute: the call needs 601, and it never holds more than 600"
    );
    rig.send(Job::quick(500)).await.unwrap();
    let hung = rig.spawn(Job::hang(50)).await;
    let mut hedge = Request::new(Job::quick(60));
    Call::get_or_insert(hedge.extensions_mut()).begin_attempt(Cause::Hedge);
    let result = rig.send(hedge).await;
    assert_eq!(
        says(&result),
        "limit of tokens a minute: the call needs 60, 50 of 600 are left, and a hedge does not wait"
    );
    let refused = exceeded(&result).unwrap();
    assert_eq!((refused.level(), refused.per_minute()), (50, Some(600)));
    let result = rig.send(Job::quick(550)).await;
    assert!(
        says(&result).ends_with("50 of 600 are left, 0 calls wait, and the wait would be about 50.000 s")
    );
    assert_eq!(rig.limits.snapshot().refused, 3);
    hung.abort();
}

#[tokio::test(start_paused = true)]
async fn of_calls_in_flight_it_knows_no_quota_and_no_time() {
    let rig = rig(Policy { in_flight: Some(1), max_waiting: 1, max_wait: 10 * SECOND, ..Policy::default() });
    let hung = rig.spawn(Job::hang(1)).await;
    let waiting = rig.spawn(Job::quick(1)).await;
    let result = rig.send(Job::quick(1)).await;
    assert_eq!(
        says(&result),
        "limit of calls in flight: the call needs 1, 0 of 1 are left, and 1 calls wait, which is all that may"
    );
    let refused = exceeded(&result).unwrap();
    assert_eq!((refused.per_minute(), refused.retry_after()), (None, None));
    let result = waiting.await.unwrap();
    assert!(says(&result).ends_with("0 of 1 are left, after a wait of 10.000 s"), "{}", says(&result));
    assert_eq!(rig.limits.snapshot().refused, 2);
    hung.abort();
}

#[tokio::test(start_paused = true)]
async fn where_time_would_help_it_says_so_although_calls_in_flight_are_full_too() {
    let rig = rig(Policy { in_flight: Some(1), max_wait: SECOND, ..tokens() });
    let hung = rig.spawn(Job::hang(600)).await;
    let result = rig.send(Job::quick(50)).await;
    let refused = exceeded(&result).unwrap();
    assert_eq!((refused.why(), refused.retry_after().unwrap().as_secs()), (Why::WouldWait, 5));
    hung.abort();
}

#[tokio::test(start_paused = true)]
async fn the_wait_counts_the_outputs_of_those_ahead_as_the_share_that_such_calls_are_charged() {
    let charging = Some(Charging::new(OutputCharge::ReservedAndSettled));
    for (answers, wait) in [(0, 30), (100, 6)] {
        let rig = rig(Policy { tokens: Some(60_000), charging, ..tokens() });
        for _ in 0..answers {
            let usage = Some(Usage::new(1, 5));
            rig.send(Job::new(1, Step::Answer(Duration::ZERO, usage)).cap(50)).await.unwrap();
        }
        let hung = rig.spawn(Job::hang(rig.left() as u64)).await;
        let ahead = rig.spawn(Job::hang(1).cap(30_000)).await;
        let mut hedge = Request::new(Job::quick(1));
        Call::get_or_insert(hedge.extensions_mut()).begin_attempt(Cause::Hedge);
        let result = rig.send(hedge).await;
        assert_eq!(exceeded(&result).unwrap().retry_after().unwrap().as_secs(), wait, "{answers} answers");
        hung.abort();
        ahead.abort();
    }
}
