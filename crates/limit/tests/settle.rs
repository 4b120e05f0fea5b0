//! What is charged and what is given back, by how a call ended.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::{panic::AssertUnwindSafe, time::Duration};

use buttress_call::{Call, Charging, Failure, Kind, Limits, Outcome, OutputCharge, Usage};
use buttress_limit::Policy;
use support::{Job, MS, Request, Rig, SECOND, Step, requests, rig, settle, tokens};
use tower::{Service, ServiceExt};

/// A call of 100 tokens in and at most 50 out. Returns what it has cost in the end.
async fn cost_of(rig: &Rig, step: Step) -> i64 {
    let before = rig.level();
    let _ = rig.send(Job::new(100, step).cap(50)).await;
    assert_eq!((rig.held(), rig.limits.snapshot().in_flight), (0, 0));
    before - rig.level()
}

fn failed(kind: Kind) -> Step {
    Step::Fail(Duration::ZERO, kind.into())
}

#[tokio::test(start_paused = true)]
async fn a_call_is_charged_by_its_usage() {
    let rig = rig(tokens());
    assert_eq!(cost_of(&rig, Step::Answer(Duration::ZERO, Some(Usage::new(100, 7)))).await, 107);
}

#[tokio::test(start_paused = true)]
async fn a_usage_beyond_the_hold_is_a_debt_that_is_never_forgiven() {
    let rig = rig(tokens());
    assert_eq!(cost_of(&rig, Step::Answer(Duration::ZERO, Some(Usage::new(900, 700)))).await, 1_600);
    assert_eq!(rig.level(), -1_000);
    tokio::time::advance(50 * SECOND).await;
    assert_eq!(rig.level(), -500);
}

#[tokio::test(start_paused = true)]
async fn a_success_that_nobody_counted_has_cost_what_was_held() {
    let rig = rig(tokens());
    assert_eq!(cost_of(&rig, Step::Answer(Duration::ZERO, None)).await, 150);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_whole_at_once_and_tells_of_limits_alone_costs_what_was_held_and_teaches_nothing() {
    let rig = rig(tokens());
    let mut limits = Limits::default();
    limits.requests.remaining = Some(7);
    for _ in 0..20 {
        rig.send(Job::new(5, Step::Whole).cap(10).says(limits)).await.unwrap();
    }
    assert_eq!((rig.held(), rig.level()), (0, 600 - 20 * 15));
    assert_eq!(rig.limits.snapshot().expected_output, None);
}

#[tokio::test(start_paused = true)]
async fn failures_give_back_by_their_kind() {
    let expected = |kind| match kind {
        Kind::Timeout | Kind::Broken => 100,
        // Neither does this provider charge for a `Server` or an `Overloaded`.
        _ => 0,
    };
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::RateLimited) {
        assert_eq!(cost_of(&rig(tokens()), failed(kind)).await, expected(kind), "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_counts_failed_requests_charges_their_input() {
    let charging = Charging::new(OutputCharge::AsStreamed).with_failed_requests_counted();
    for (kind, cost) in [(Kind::Server, 100), (Kind::Overloaded, 100), (Kind::Invalid, 0)] {
        let rig = rig(Policy { charging: Some(charging), ..tokens() });
        assert_eq!(cost_of(&rig, failed(kind)).await, cost, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn cached_input_counts_unless_the_provider_says_that_it_does_not() {
    let mut usage = Usage::new(100, 0);
    usage.cached_input = 80;
    let charging = Charging::new(OutputCharge::ReservedAndSettled);
    for (charging, cost) in [(charging, 100), (charging.with_cached_input_free(), 20)] {
        let rig = rig(Policy { charging: Some(charging), ..tokens() });
        assert_eq!(cost_of(&rig, Step::Answer(Duration::ZERO, Some(usage))).await, cost);
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_request_that_was_never_sent_is_given_back() {
    for (kind, left) in [
        (Kind::Connect, 60.0),
        (Kind::Rejected, 60.0),
        (Kind::Server, 59.0),
        (Kind::Invalid, 59.0),
        (Kind::Auth, 59.0),
    ] {
        let rig = rig(requests());
        rig.send(Job::fail(1, kind)).await.unwrap_err();
        assert_eq!(rig.limits.snapshot().requests.unwrap().level, left, "{kind}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_gives_its_input_back_only_as_far_as_a_full_bucket_has_room() {
    let connect = |secs| Step::Fail(secs * SECOND, Kind::Connect.into());
    // The bucket has been full all along, and the upstream's is.
    let full = rig(tokens());
    full.send(Job::new(100, connect(30))).await.unwrap_err();
    assert_eq!(full.level(), 600);
    // It was empty: all of it comes back.
    let empty = rig(tokens());
    empty.send(Job::quick(500)).await.unwrap();
    empty.send(Job::new(100, connect(30))).await.unwrap_err();
    assert_eq!(empty.level(), 100 + 300);
    // Half-way it would have run over by a hundred that the upstream's has wasted.
    let half = rig(tokens());
    half.send(Job::quick(400)).await.unwrap();
    half.send(Job::new(100, connect(50))).await.unwrap_err();
    assert_eq!(half.level(), 600);
}

#[tokio::test(start_paused = true)]
async fn what_was_debited_wrongly_while_the_bucket_was_full_lets_nobody_pass_too_much() {
    // Full; a call of 500 goes out, fails after a minute, and another of 500 went out meanwhile.
    let rig = rig(tokens());
    let lost = rig.spawn(Job::new(500, Step::Fail(60 * SECOND, Kind::Connect.into()))).await;
    tokio::time::sleep(50 * SECOND).await;
    rig.send(Job::quick(500)).await.unwrap();
    lost.await.unwrap().unwrap_err();
    // The upstream was full until the other call came, ten seconds ago: 600 - 500 + 100.
    assert!(rig.level() <= 200, "{}", rig.level());
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_it_was_sent_gives_all_back() {
    let rig = rig(Policy { requests: Some(60), ..tokens() });
    // The first answer shows that somebody here ticks the clock of an attempt.
    rig.send(Job::quick(0)).await.unwrap();
    let level = rig.limits.snapshot();
    drop(rig.start(Job::hang(100)).await);
    let queued = rig.spawn(Job::new(100, Step::Queue)).await;
    assert_eq!(rig.held(), 100);
    queued.abort();
    settle().await;
    let after = rig.limits.snapshot();
    assert_eq!((after.tokens, after.requests), (level.tokens, level.requests));
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_before_its_first_content_keeps_its_input() {
    let rig = rig(tokens());
    for step in [Step::Hang, Step::Stream(SECOND)] {
        let before = rig.level();
        let hanging = rig.spawn(Job::new(100, step).cap(50)).await;
        assert_eq!(rig.left(), before - 150);
        hanging.abort();
        settle().await;
        assert_eq!((rig.held(), before - rig.level()), (0, 100));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_answer_has_begun_was_sent_though_nobody_marked_it() {
    let rig = rig(tokens());
    // The first answer shows that somebody here ticks the clock of an attempt.
    rig.send(Job::quick(0)).await.unwrap();
    let before = rig.level();
    let mut request = Request::new(Job::new(100, Step::Queue).cap(50));
    let progress = Call::get_or_insert(request.extensions_mut()).ensure_progress().clone();
    let unmarked = rig.spawn(request).await;
    progress.mark_received(30, 3);
    unmarked.abort();
    settle().await;
    assert_eq!(before - rig.level(), 103);
}

#[tokio::test(start_paused = true)]
async fn where_nobody_ticks_the_clock_a_call_that_was_made_is_taken_to_be_sent() {
    let rig = rig(tokens());
    let queued = rig.spawn(Job::new(100, Step::Queue)).await;
    queued.abort();
    settle().await;
    assert_eq!((rig.held(), rig.level()), (0, 500));
}

#[tokio::test(start_paused = true)]
async fn a_stream_cut_or_dropped_after_its_first_content_is_settled_by_count() {
    for end in [Some(Outcome::from(Kind::Broken)), Some(Outcome::from(Kind::Overloaded)), None] {
        let rig = rig(tokens());
        let response = rig.send(Job::new(100, Step::Stream(MS)).cap(50)).await.unwrap();
        let completion: &buttress_call::Completion = response.extensions().get().unwrap();
        completion.progress().mark_received(100, 9);
        assert_eq!(rig.left(), 450, "held until the end");
        let ender = rig.target.ender();
        match end {
            Some(outcome) => ender.end(outcome),
            None => drop(ender),
        }
        assert_eq!((rig.held(), rig.level()), (0, 490), "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_usage_that_is_known_counts_more_than_events() {
    let rig = rig(tokens());
    let response = rig.send(Job::new(100, Step::Stream(MS)).cap(50)).await.unwrap();
    let completion: &buttress_call::Completion = response.extensions().get().unwrap();
    completion.progress().set_usage(Usage::new(120, 30));
    drop(rig.target.ender());
    assert_eq!(rig.level(), 450);
}

#[tokio::test(start_paused = true)]
async fn a_panic_gives_back_what_was_held() {
    let rig = rig(tokens());
    let mut service = rig.service.clone();
    let ready = service.ready().await.unwrap();
    let in_call = std::panic::catch_unwind(AssertUnwindSafe(|| {
        drop(ready.call(Request::from(Job::new(100, Step::PanicInCall))));
    }));
    in_call.unwrap_err();
    assert_eq!((rig.held(), rig.limits.snapshot().in_flight), (0, 0));
    let in_poll = rig.spawn(Job::new(100, Step::PanicInPoll)).await;
    assert!(in_poll.await.unwrap_err().is_panic());
    assert_eq!((rig.held(), rig.limits.snapshot().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_output_that_is_expected_is_learnt_after_twenty_answers() {
    let rig = rig(Policy { tokens: Some(60_000), ..tokens() });
    for output in 1..=20 {
        assert_eq!(rig.limits.snapshot().expected_output, None);
        let usage = Some(Usage::new(1, output * 10));
        rig.send(Job::new(1, Step::Answer(Duration::ZERO, usage)).cap(500)).await.unwrap();
    }
    let expected = rig.limits.snapshot().expected_output.unwrap();
    assert!((170..=190).contains(&expected), "{expected}");
    let before = rig.left();
    let _pending = rig.spawn(Job::hang(1).cap(500)).await;
    assert_eq!(before - rig.left(), 1 + i64::try_from(expected).unwrap());
    let _small = rig.spawn(Job::hang(1).cap(5)).await;
    assert_eq!(before - rig.left(), 1 + i64::try_from(expected).unwrap() + 6, "a smaller cap is believed");
}

#[tokio::test(start_paused = true)]
async fn a_biased_estimate_is_corrected_by_what_was_charged() {
    let rig = rig(Policy { tokens: Some(1_000_000), ..tokens() });
    for _ in 0..200 {
        let usage = Some(Usage::new(125, 0));
        rig.send(Job::new(100, Step::Answer(Duration::ZERO, usage))).await.unwrap();
    }
    let factor = rig.limits.snapshot().factors[0].1;
    assert!((1.24..=1.25).contains(&factor), "{factor}");
    let before = rig.left();
    let _pending = rig.spawn(Job::hang(100)).await;
    assert!((124..=125).contains(&(before - rig.left())));
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_after_the_head_counts_like_one_before() {
    let rig = rig(tokens());
    let response = rig.send(Job::new(100, Step::Head)).await.unwrap();
    let hint = Some(3 * SECOND);
    rig.target.ender().end(Failure::new(Kind::RateLimited).with_retry_after(hint).into());
    drop(response);
    assert_eq!(rig.limits.snapshot().blocked, hint);
}

#[tokio::test(start_paused = true)]
async fn a_usage_without_a_prompt_teaches_nothing_of_prompts() {
    let rig = rig(tokens());
    let answer = |usage| Job::new(100, Step::Answer(Duration::ZERO, Some(usage)));
    let factor = || rig.limits.snapshot().factors[0].1;
    rig.send(answer(Usage::new(0, 5))).await.unwrap();
    assert!((factor() - 1.0).abs() < 1e-9);
    rig.send(answer(Usage::new(200, 0))).await.unwrap();
    assert!((factor() - 1.02).abs() < 1e-9, "{}", factor());
}

#[tokio::test(start_paused = true)]
async fn the_limiters_own_mark_of_the_send_is_nobodys_tick() {
    let rig = rig(Policy { in_flight: Some(1), ..tokens() });
    let clocked = || {
        let mut request = Request::new(Job::new(100, Step::Queue));
        Call::get_or_insert(request.extensions_mut()).ensure_progress();
        request
    };
    let first = rig.spawn(clocked()).await;
    // It waits, and is marked when it goes.
    let second = rig.spawn(clocked()).await;
    for task in [first, second] {
        task.abort();
        settle().await;
    }
    let before = rig.level();
    let third = rig.spawn(clocked()).await;
    third.abort();
    settle().await;
    assert_eq!(before - rig.level(), 100, "it was made, so it is taken to be sent");
}

#[tokio::test(start_paused = true)]
async fn where_nobody_tells_the_usage_content_events_teach_what_to_expect() {
    let rig = rig(tokens());
    for _ in 0..20 {
        rig.send(Job::new(1, Step::Stream(Duration::ZERO))).await.unwrap();
        rig.target.ender().end(Outcome::Success);
    }
    assert_eq!(rig.limits.snapshot().expected_output, Some(1));
}
