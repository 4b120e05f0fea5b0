//! The strict window.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::time::Duration;

use buttress_limit::{Policy, Window};
use support::{Job, MS, Request, SECOND, Step, rig, tokens};
use tokio::time::{Instant, advance};

fn sliding() -> Policy {
    Policy { window: Window::Sliding, max_wait: 90 * SECOND, ..tokens() }
}

#[tokio::test(start_paused = true)]
async fn what_was_used_counts_for_a_minute_and_half_a_second_at_most() {
    let rig = rig(sliding());
    let start = Instant::now();
    rig.send(Job::quick(600)).await.unwrap();
    rig.send(Job::quick(1)).await.unwrap();
    let waited = start.elapsed();
    assert!(waited >= 60 * SECOND && waited <= 60 * SECOND + 502 * MS, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn at_no_time_does_a_minute_see_more_than_its_requests() {
    let rig = rig(Policy { requests: Some(30), tokens: None, ..sliding() });
    let mut times = Vec::new();
    let start = Instant::now();
    for n in 0..200_u64 {
        rig.send(Job::quick(1)).await.unwrap();
        times.push(start.elapsed());
        advance(Duration::from_millis(n * 37 % 900)).await;
    }
    for window in times.windows(31) {
        assert!(window[30] >= window[0] + Duration::from_secs(60));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_got_there_does_not_count() {
    let rig = rig(Policy { requests: Some(2), ..sliding() });
    rig.send(Job::quick(1)).await.unwrap();
    for _ in 0..10 {
        rig.send(Job::fail(100, buttress_call::Kind::Connect)).await.unwrap_err();
    }
    let snapshot = rig.limits.snapshot();
    assert_eq!((snapshot.requests.unwrap().level, rig.level()), (1.0, 599));
}

#[tokio::test(start_paused = true)]
async fn what_a_provider_reserves_is_held_and_what_it_returns_is_free_again() {
    use buttress_call::{Charging, OutputCharge, Usage};
    let charging = Some(Charging::new(OutputCharge::ReservedAndSettled));
    let rig = rig(Policy { charging, ..sliding() });
    let step = Step::Answer(SECOND, Some(Usage::new(100, 20)));
    let pending = rig.spawn(Request::new(Job::new(100, step).cap(400))).await;
    assert_eq!(rig.left(), 100);
    pending.await.unwrap().unwrap();
    assert_eq!(rig.left(), 480);
}
