//! Who waits, for how long, and in which order.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::{
    sync::{Arc, Mutex, atomic::Ordering::SeqCst},
    time::Duration,
};

use buttress_call::{Call, Cause, Note, Observer, Priority};
use buttress_limit::{Dimension, Estimate, LimitLayer, Policy, Why};
use support::{
    Job, MS, Request, SECOND, Step, Target, estimate, exceeded, requests, rig, settle, tokens, why,
};
use tokio::time::{Instant, advance};
use tower::{Layer, ServiceExt};

fn with_priority(job: Job, priority: Priority) -> Request {
    let mut request = Request::new(job);
    Call::get_or_insert(request.extensions_mut()).set_priority(priority);
    request
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_there_is_enough_and_no_longer() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let start = Instant::now();
    rig.send(Job::quick(50)).await.unwrap();
    let waited = start.elapsed();
    assert!(waited >= 5 * SECOND && waited <= 5 * SECOND + 2 * MS, "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn calls_pass_in_the_order_in_which_they_came_even_if_a_later_one_would_fit() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let mut tasks = Vec::new();
    for (id, input) in [(1, 300), (2, 5), (3, 100), (4, 1)] {
        tasks.push(rig.spawn(Job::quick(input).id(id)).await);
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(rig.target.calls(), [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_higher_class_passes_first_and_every_tenth_turn_is_the_lowest_ones() {
    let rig = rig(Policy { burst: SECOND, ..requests() });
    rig.send(Job::quick(1)).await.unwrap();
    let mut tasks = Vec::new();
    for id in 1..=3 {
        tasks.push(rig.spawn(with_priority(Job::quick(1).id(id), Priority::Low)).await);
    }
    for id in 100..120 {
        tasks.push(rig.spawn(with_priority(Job::quick(1).id(id), Priority::High)).await);
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let calls = rig.target.calls();
    let low: Vec<_> = (0..calls.len()).filter(|at| (1..=3).contains(&calls[*at])).collect();
    assert_eq!(low, [10, 20, 23], "of {calls:?}");
    assert!(calls.iter().filter(|id| **id >= 100).is_sorted());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_says_so_until_it_goes() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let mut request = Request::new(Job::hang(50));
    let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
    let task = rig.spawn(request).await;
    assert!(progress.is_waiting() && progress.sent_at().is_none());
    advance(6 * SECOND).await;
    settle().await;
    assert!(!progress.is_waiting() && progress.sent_at().is_some());
    task.abort();
}

#[tokio::test(start_paused = true)]
async fn a_hedge_never_waits() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let mut hedge = Request::new(Job::quick(10));
    Call::get_or_insert(hedge.extensions_mut()).begin_attempt(Cause::Hedge);
    let start = Instant::now();
    let refused = rig.send(hedge).await;
    assert_eq!((why(&refused), start.elapsed()), (Some(Why::Hedge), Duration::ZERO));
    assert_eq!(rig.target.calls(), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_cannot_fit_is_refused_at_once_and_says_how_long_it_would_be() {
    let rig = rig(Policy { max_wait: 10 * SECOND, ..tokens() });
    rig.send(Job::quick(600)).await.unwrap();
    let start = Instant::now();
    let refused = rig.send(Job::quick(200)).await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let exceeded = exceeded(&refused).unwrap();
    assert_eq!((exceeded.why(), exceeded.dimension()), (Why::WouldWait, Dimension::Tokens));
    assert_eq!((exceeded.need(), exceeded.level(), exceeded.capacity()), (200, 0, 600));
    assert_eq!(exceeded.retry_after().unwrap().as_millis(), 20_000);
    assert!(exceeded.to_string().contains("needs 200"), "{exceeded}");
    // With a deadline likewise, however long it might wait by the policy.
    let mut request = Request::new(Job::quick(50));
    Call::get_or_insert(request.extensions_mut()).clamp_deadline(Instant::now() + 4 * SECOND);
    assert_eq!(why(&rig.send(request).await), Some(Why::WouldWait));
    let mut request = Request::new(Job::quick(50));
    Call::get_or_insert(request.extensions_mut()).clamp_deadline(Instant::now() + 6 * SECOND);
    rig.send(request).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_has_waited_for_as_long_as_it_may_is_refused_wherever_it_stands() {
    let rig = rig(Policy { in_flight: Some(1), max_wait: 10 * SECOND, ..Policy::default() });
    let hung = rig.spawn(Job::hang(1)).await;
    let head = rig.spawn(Job::quick(1)).await;
    advance(3 * SECOND).await;
    let start = Instant::now();
    let second = rig.spawn(Job::quick(1)).await;
    assert_eq!(why(&head.await.unwrap()), Some(Why::Waited(10 * SECOND)));
    assert_eq!(start.elapsed(), 7 * SECOND);
    assert_eq!(why(&second.await.unwrap()), Some(Why::Waited(10 * SECOND)));
    assert_eq!(start.elapsed(), 10 * SECOND);
    hung.abort();
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_wait_than_may() {
    let rig = rig(Policy { in_flight: Some(1), max_waiting: 2, ..Policy::default() });
    let _hung = rig.spawn(Job::hang(1)).await;
    let _waiting = (rig.spawn(Job::quick(1)).await, rig.spawn(Job::quick(1)).await);
    let refused = rig.send(Job::quick(1)).await;
    let exceeded = exceeded(&refused).unwrap();
    assert_eq!((exceeded.why(), exceeded.waiting()), (Why::QueueFull, 2));
    assert_eq!(exceeded.dimension(), Dimension::InFlight);
}

#[tokio::test(start_paused = true)]
async fn more_than_the_bucket_can_ever_hold_is_refused_at_once_with_the_numbers() {
    let rig = rig(tokens());
    let refused = rig.send(Job::quick(601)).await;
    let exceeded = exceeded(&refused).unwrap();
    assert_eq!(exceeded.why(), Why::TooLarge(Dimension::Tokens));
    assert_eq!((exceeded.need(), exceeded.capacity(), exceeded.retry_after()), (601, 600, None));
    assert_eq!(exceeded.per_minute(), Some(600));
    rig.send(Job::quick(600)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_dropped_lets_the_next_pass_at_its_own_time() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let start = Instant::now();
    let head = rig.spawn(Job::quick(400)).await;
    let next = rig.spawn(Job::quick(100)).await;
    advance(2 * SECOND).await;
    assert_eq!(rig.limits.snapshot().waiting, 2);
    head.abort();
    next.await.unwrap().unwrap();
    assert!(start.elapsed() <= 10 * SECOND + 2 * MS, "{:?}", start.elapsed());
    assert_eq!(rig.limits.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_queue_in_front_of_an_open_breaker_empties_at_once() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..100 {
        tasks.push(rig.spawn(Job::quick(5)).await);
    }
    assert_eq!(rig.limits.snapshot().waiting, 100);
    rig.target.seen.open.store(true, SeqCst);
    let start = Instant::now();
    for task in tasks {
        task.await.unwrap().unwrap_err();
    }
    assert!(start.elapsed() <= SECOND, "{:?}: the head's wait, and no more", start.elapsed());
    assert_eq!((rig.target.calls().len(), rig.held(), rig.limits.snapshot().waiting), (101, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn requests_that_an_open_breaker_refuses_are_not_counted_either() {
    let rig = rig(requests());
    rig.target.seen.open.store(true, SeqCst);
    for _ in 0..1_000 {
        rig.send(Job::quick(1)).await.unwrap_err();
    }
    assert_eq!(rig.limits.snapshot().requests.unwrap().level, 60.0);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_wakes_the_head() {
    let rig = rig(Policy { in_flight: Some(1), ..Policy::default() });
    let first = rig.spawn(Job::new(1, Step::Stream(MS))).await;
    let second = rig.spawn(Job::quick(1).id(2)).await;
    let response = first.await.unwrap().unwrap();
    settle().await;
    assert_eq!(rig.target.calls(), [0], "a stream is in flight until its end");
    rig.target.ender().end(buttress_call::Outcome::Success);
    drop(response);
    second.await.unwrap().unwrap();
    assert_eq!(rig.limits.snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_larger_quota_wakes_the_head() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let start = Instant::now();
    let waiting = rig.spawn(Job::quick(500)).await;
    rig.limits.set_policy(Policy { tokens: Some(6_000), ..tokens() }).unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(rig.left(), 6_000 - 600 - 500, "what was used stays used");
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_became_too_small_refuses_who_waits() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let waiting = rig.spawn(Job::quick(500)).await;
    rig.limits.set_policy(Policy { tokens: Some(60), ..tokens() }).unwrap();
    assert_eq!(why(&waiting.await.unwrap()), Some(Why::TooLarge(Dimension::Tokens)));
    assert_eq!(rig.left(), 60 - 600);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_nobody_polls_keeps_nobody_out() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let unpolled = rig.start(Job::quick(600)).await;
    let start = Instant::now();
    rig.send(Job::quick(10)).await.unwrap();
    assert!(start.elapsed() <= SECOND + 2 * MS);
    drop(unpolled);
}

#[tokio::test(start_paused = true)]
async fn the_rate_rises_slowly_after_the_start_but_the_first_ten_calls_are_free() {
    let rig = rig(Policy { requests: Some(600), tokens: None, ramp_up: 60 * SECOND, ..tokens() });
    let start = Instant::now();
    let mut times = Vec::new();
    for _ in 0..400 {
        rig.send(Job::quick(1)).await.unwrap();
        times.push(start.elapsed());
    }
    assert_eq!(times[9], Duration::ZERO);
    let within = |secs| times.iter().filter(|time| **time <= secs * SECOND).count();
    // A tenth of ten a second at first, half of it after a third of the time.
    assert!((12..=16).contains(&within(3)), "{}", within(3));
    let (third, last) = (within(25) - within(20), within(55) - within(50));
    assert!((18..=27).contains(&third), "{third} around a third");
    assert!((40..=50).contains(&last), "{last} near the end");
    advance(60 * SECOND).await;
    assert!(!rig.limits.snapshot().rising);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_and_was_sent_keeps_its_input_when_it_is_dropped() {
    let rig = rig(tokens());
    rig.send(Job::quick(600)).await.unwrap();
    let hung = rig.spawn(Job::hang(100)).await;
    advance(10 * SECOND + MS).await;
    settle().await;
    assert_eq!((rig.target.in_flight(), rig.held()), (1, 100));
    hung.abort();
    settle().await;
    assert_eq!((rig.held(), rig.level()), (0, 0));
}

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn note(&self, _: &Call, note: Note<'_>) {
        self.0.lock().unwrap().push(format!("{note:?}"));
    }
}

#[tokio::test(start_paused = true)]
async fn waits_and_refusals_are_told_with_the_limiters_name() {
    let layer = LimitLayer::new(Policy { max_wait: 20 * SECOND, ..tokens() }).unwrap().name("openai");
    let layer = layer.cost(estimate as fn(&Request) -> Estimate);
    let service = layer.layer(Target::default());
    let heard = Arc::new(Heard::default());
    for input in [600, 100, 400] {
        let mut request = Request::from(Job::quick(input));
        Call::get_or_insert(request.extensions_mut()).observe(heard.clone());
        let _ = service.clone().oneshot(request).await;
    }
    let notes = heard.0.lock().unwrap();
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert!(notes[0].contains(r#"Waited { limiter: "openai", time: 10"#), "{notes:?}");
    assert_eq!(notes[1], r#"Refused { layer: "limit", name: "openai" }"#);
}
