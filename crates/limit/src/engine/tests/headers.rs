//! What headers and 429s do to the levels.

use buttress_call::{Limit, Limits};

use super::*;

fn limits(set: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    set(&mut limits);
    limits
}

fn says(remaining: u64) -> Limit {
    let mut limit = Limit::default();
    limit.remaining = Some(remaining);
    limit
}

fn tell(engine: &mut Engine, now: Nanos, sent: Nanos, limits: &Limits) {
    engine.told(now, sent, &Told { limits: Some(*limits), charging: None });
}

#[test]
fn a_header_counts_as_of_two_seconds_after_the_send() {
    for (now, left, requests_then) in [(2, 100, 5), (10, 900, 21)] {
        let mut engine = Engine::new(&tokens(), 0);
        tell(&mut engine, now * SECOND, 0, &limits(|limits| limits.tokens = says(100)));
        assert_eq!(tokens_left(&mut engine, now * SECOND), (left, 0));
        let mut engine = Engine::new(&Policy { requests: Some(120), ..requests(60) }, 0);
        tell(&mut engine, now * SECOND, 0, &limits(|limits| limits.requests = says(5)));
        assert_eq!(requests_left(&mut engine, now * SECOND), requests_then);
    }
}

#[test]
fn where_input_or_output_is_told_apart_what_is_said_of_both_is_not_believed() {
    type Set = fn(&mut Limits);
    for (set, left) in [
        ((|limits| limits.tokens = says(100)) as Set, 100),
        (|limits| (limits.tokens, limits.input_tokens) = (says(100), says(100)), 2_000),
        (|limits| (limits.tokens, limits.output_tokens) = (says(100), says(100)), 2_000),
    ] {
        let mut engine = Engine::new(&tokens(), 0);
        tell(&mut engine, 0, 0, &limits(set));
        assert_eq!(tokens_left(&mut engine, 0).0, left);
    }
}

#[test]
fn a_quota_of_another_window_is_learnt_by_the_minute() {
    let mut engine = Engine::new(&Policy { learn_quota: true, capacity: None, ..tokens() }, 0);
    let quota = limits(|limits| {
        limits.tokens.limit = Some(200);
        limits.tokens.window = Some(Duration::from_secs(15));
    });
    tell(&mut engine, 0, 0, &quota);
    assert_eq!(engine.reading(Dimension::Tokens).unwrap().per_minute, 800);
}

#[test]
fn a_429_lowers_the_limit_that_had_no_room_for_the_call_and_no_other() {
    for (left, level) in [(99, 0), (100, 2_000)] {
        let mut engine = Engine::new(&tokens(), 0);
        let ticket = pass(&mut engine, 0, 100, 0);
        let limits = limits(|limits| limits.tokens = says(left));
        engine.settle(Some(0), &ticket, &Charge::FREE);
        // A second brings what the call needs.
        engine.rate_limited(0, &ticket, Some(Duration::from_secs(1)), Some(&limits));
        assert_eq!(tokens_left(&mut engine, 0).0, level, "{left} left");
    }
}
