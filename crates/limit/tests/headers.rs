//! What the provider says of its limits: headers, and 429s.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]
#![allow(clippy::float_cmp, reason = "levels of whole tokens are exact")]

mod support;

use std::time::Duration;

use buttress_call::{Failure, Kind, Limit, Limits, Refused};
use buttress_limit::{Policy, Why};
use support::{Job, MS, Rig, SECOND, Step, exceeded, requests, rig, settle, tokens, why};
use tokio::time::{Instant, advance};

const MINUTE: Duration = Duration::from_secs(60);

fn limit(limit: u64, remaining: u64) -> Limit {
    let mut said = Limit::default();
    said.limit = Some(limit);
    said.remaining = Some(remaining);
    said.window = Some(MINUTE);
    said
}

fn of_tokens(said: Limit) -> Limits {
    let mut limits = Limits::default();
    limits.tokens = said;
    limits
}

fn of_requests(said: Limit) -> Limits {
    let mut limits = Limits::default();
    limits.requests = said;
    limits
}

fn refused(hint: Option<Duration>) -> Step {
    Step::Fail(Duration::ZERO, Failure::new(Kind::RateLimited).with_retry_after(hint))
}

async fn refuse(rig: &Rig, hint: Option<Duration>) {
    rig.send(Job::new(100, refused(hint))).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn a_header_lowers_the_level_and_never_raises_it() {
    let rig = rig(tokens());
    rig.send(Job::quick(100).says(of_tokens(limit(600, 300)))).await.unwrap();
    assert_eq!(rig.level(), 300, "somebody else has used the rest");
    rig.send(Job::quick(100).says(of_tokens(limit(600, 590)))).await.unwrap();
    assert_eq!(rig.level(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_input_that_is_on_its_way_is_not_taken_twice() {
    let rig = rig(tokens());
    let _on_its_way = rig.spawn(Job::hang(100)).await;
    // The upstream has charged it by now, and says so; here it is still a hold.
    rig.send(Job::quick(50).says(of_tokens(limit(600, 450)))).await.unwrap();
    assert_eq!(rig.left(), 450);
}

#[tokio::test(start_paused = true)]
async fn a_header_of_long_ago_does_not_take_away_what_has_flowed_in_since() {
    let rig = rig(tokens());
    let long = Step::Answer(30 * SECOND, None);
    rig.send(Job::quick(500)).await.unwrap();
    rig.send(Job::new(50, long).says(of_tokens(limit(600, 50)))).await.unwrap();
    // It was at 50 half a minute ago, 300 have come since; two seconds of that are not believed.
    assert!((320..=350).contains(&rig.level()), "{}", rig.level());
}

#[tokio::test(start_paused = true)]
async fn a_header_burns_requests_that_others_have_made() {
    let rig = rig(requests());
    rig.send(Job::quick(1).says(of_requests(limit(60, 10)))).await.unwrap();
    assert_eq!(rig.limits.snapshot().requests.unwrap().level, 10.0);
    let start = Instant::now();
    for _ in 0..12 {
        rig.send(Job::quick(1)).await.unwrap();
    }
    assert!(start.elapsed() >= SECOND, "ten at once, then one a second");
}

#[tokio::test(start_paused = true)]
async fn a_429_blocks_for_its_hint_and_then_the_call_just_fits() {
    let rig = rig(tokens());
    refuse(&rig, Some(7 * SECOND)).await;
    assert_eq!(rig.limits.snapshot().blocked, Some(7 * SECOND));
    assert_eq!(rig.level(), 100 - 70);
    let start = Instant::now();
    let second = rig.spawn(Job::quick(100)).await;
    second.await.unwrap().unwrap();
    assert!((7 * SECOND..=7 * SECOND + 2 * MS).contains(&start.elapsed()), "{:?}", start.elapsed());
    assert_eq!(rig.limits.snapshot().rate_limited, 1);
}

#[tokio::test(start_paused = true)]
async fn a_429_for_requests_leaves_tokens_alone_where_the_headers_say_so() {
    let rig = rig(Policy { requests: Some(60), ..tokens() });
    let mut limits = of_tokens(limit(600, 600));
    limits.requests = limit(60, 0);
    rig.send(Job::new(100, refused(Some(SECOND))).says(limits)).await.unwrap_err();
    assert_eq!(rig.level(), 600);
    assert_eq!(rig.limits.snapshot().requests.unwrap().level, 0.0);
}

#[tokio::test(start_paused = true)]
async fn a_429_that_names_its_limit_leaves_the_others_alone() {
    let split = Policy { tokens: None, input_tokens: Some(600), output_tokens: Some(600), ..tokens() };
    for (named, input, output) in [
        (None, 30.0, -70.0),
        (Some(Refused::Requests), 600.0, 600.0),
        (Some(Refused::InputTokens), 30.0, 600.0),
        (Some(Refused::OutputTokens), 600.0, -70.0),
        (Some(Refused::Tokens), 30.0, -70.0),
    ] {
        let rig = rig(split);
        let mut limits = Limits::default();
        limits.refused = named;
        rig.send(Job::new(100, refused(Some(7 * SECOND))).says(limits)).await.unwrap_err();
        let snapshot = rig.limits.snapshot();
        let levels = (snapshot.input_tokens.unwrap().level, snapshot.output_tokens.unwrap().level);
        assert_eq!(levels, (input, output), "{named:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_429_without_a_hint_blocks_twice_as_long_each_time_until_a_call_is_answered() {
    let rig = rig(Policy { max_wait: Duration::from_secs(3_600), ..requests() });
    for block in [1, 2, 4, 8, 16, 30, 30] {
        refuse(&rig, None).await;
        assert_eq!(rig.limits.snapshot().blocked, Some(block * SECOND));
        advance(block * SECOND).await;
    }
    rig.send(Job::quick(1)).await.unwrap();
    refuse(&rig, None).await;
    assert_eq!(rig.limits.snapshot().blocked, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn calls_of_one_burst_that_are_refused_together_double_nothing() {
    let rig = rig(requests());
    let late = |after| Step::Fail(after, Kind::RateLimited.into());
    let burst = [rig.spawn(Job::new(1, late(10 * MS))).await, rig.spawn(Job::new(1, late(20 * MS))).await];
    for call in burst {
        call.await.unwrap().unwrap_err();
    }
    assert_eq!(rig.limits.snapshot().blocked, Some(SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_hint_beyond_reason_is_cut_and_waits_for_it_are_refused() {
    let rig = rig(tokens());
    refuse(&rig, Some(Duration::from_secs(86_400))).await;
    let refused = rig.send(Job::quick(1)).await;
    let exceeded = exceeded(&refused).unwrap();
    assert_eq!(exceeded.why(), Why::WouldWait);
    assert!(exceeded.retry_after().unwrap() >= Duration::from_secs(300), "{exceeded}");
    assert_eq!(rig.limits.snapshot().blocked, Some(Duration::from_secs(300)));
}

#[tokio::test(start_paused = true)]
async fn after_a_storm_of_429s_the_rate_rises_slowly() {
    let rig = rig(Policy { ramp_up: 60 * SECOND, requests: Some(600), ..Policy::default() });
    rig.send(Job::quick(1)).await.unwrap();
    advance(61 * SECOND).await;
    let mut storm = Vec::new();
    for _ in 0..5 {
        storm.push(rig.spawn(Job::new(1, Step::Fail(MS, Kind::RateLimited.into()))).await);
    }
    for call in storm {
        call.await.unwrap().unwrap_err();
    }
    assert!(rig.limits.snapshot().rising);
    let start = Instant::now();
    for _ in 0..10 {
        rig.send(Job::quick(1)).await.unwrap();
    }
    assert!(start.elapsed() >= 5 * SECOND, "{:?} instead of none", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn quotas_are_learnt_from_headers_if_asked_for() {
    let rig = rig(Policy { learn_quota: true, tokens: None, ..tokens() });
    let mut limits = of_tokens(limit(6_000, 5_900));
    limits.requests = limit(500, 499);
    rig.send(Job::quick(100).says(limits)).await.unwrap();
    let learnt = rig.limits.snapshot();
    assert_eq!(learnt.tokens.unwrap().per_minute, 6_000);
    assert_eq!(learnt.requests.unwrap().per_minute, 500);
    rig.send(Job::quick(100).says(of_tokens(limit(3_000, 2_000)))).await.unwrap();
    assert_eq!(rig.limits.snapshot().tokens.unwrap().per_minute, 3_000);
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_was_not_asked_for_is_not_learnt() {
    let rig = rig(tokens());
    rig.send(Job::quick(100).says(of_tokens(limit(60, 500)))).await.unwrap();
    assert_eq!(rig.limits.snapshot().tokens.unwrap().per_minute, 600);
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_the_day_or_the_second_says_nothing_about_the_minute() {
    let rig = rig(Policy { learn_quota: true, requests: Some(60), ..tokens() });
    let mut limits = of_tokens(limit(10, 1));
    limits.tokens.window = Some(SECOND);
    limits.requests = limit(14_400, 2);
    limits.requests.window = Some(Duration::from_secs(86_400));
    rig.send(Job::quick(100).says(limits)).await.unwrap();
    let snapshot = rig.limits.snapshot();
    assert_eq!(
        (rig.level(), snapshot.tokens.unwrap().per_minute),
        (500, 600),
        "ten a second are 600 a minute"
    );
    assert_eq!(snapshot.requests.map(|level| (level.per_minute, level.level)), Some((60, 59.0)));
}

#[tokio::test(start_paused = true)]
async fn a_limit_of_zero_is_no_quota_to_learn() {
    let rig = rig(Policy { learn_quota: true, ..tokens() });
    rig.send(Job::quick(100).says(of_tokens(limit(0, 0)))).await.unwrap();
    let tokens = rig.limits.snapshot().tokens.unwrap();
    assert_eq!((tokens.per_minute, tokens.level), (600, 0.0));
}

#[tokio::test(start_paused = true)]
async fn a_summary_of_split_limits_is_not_a_limit_of_its_own() {
    let rig = rig(Policy { learn_quota: true, ..tokens() });
    let mut limits = of_tokens(limit(90, 3));
    limits.input_tokens = limit(400, 399);
    limits.output_tokens = limit(90, 3);
    rig.send(Job::quick(1).says(limits)).await.unwrap();
    let snapshot = rig.limits.snapshot();
    assert_eq!(snapshot.tokens.unwrap().per_minute, 600);
    assert_eq!(snapshot.input_tokens.map(|level| level.per_minute), Some(400));
    assert_eq!(snapshot.output_tokens.map(|level| level.level), Some(3.0));
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_when_its_limit_was_learnt_holds_nothing_of_it() {
    let rig = rig(Policy { learn_quota: true, in_flight: Some(10), tokens: None, ..tokens() });
    let before = rig.spawn(Job::new(100, Step::Answer(10 * SECOND, None)).cap(20)).await;
    rig.send(Job::quick(10).says(of_tokens(limit(600, 490)))).await.unwrap();
    assert_eq!(rig.held(), 0);
    before.await.unwrap().unwrap();
    settle().await;
    assert_eq!(rig.held(), 0);
    assert_eq!(why(&rig.send(Job::quick(601)).await), Some(Why::TooLarge(buttress_limit::Dimension::Tokens)));
}
