//! Another policy while calls are under way.

use super::*;

fn sliding(policy: Policy) -> Policy {
    Policy { window: Window::Sliding, ..policy }
}

#[test]
fn a_larger_quota_leaves_holds_holds() {
    let mut engine = Engine::new(&tokens(), 0);
    pass(&mut engine, 0, 500, 0);
    engine.set_policy(0, &Policy { tokens: Some(12_000), ..tokens() });
    assert_eq!(tokens_left(&mut engine, 0), (2_000, 500));
}

#[test]
fn what_is_used_and_held_is_used_in_another_window_and_its_call_is_not_charged_again() {
    let mut engine = Engine::new(&tokens(), 0);
    lower(&mut engine, 1_500.0);
    let ticket = pass(&mut engine, 0, 200, 0);
    engine.set_policy(0, &sliding(tokens()));
    assert_eq!(tokens_left(&mut engine, 0), (5_300, 0));
    engine.settle(Some(0), &ticket, &Charge::tokens(200, 0));
    // A window gives nothing back within a minute.
    assert_eq!(tokens_left(&mut engine, 30 * SECOND), (5_300, 0));
    assert_eq!(tokens_left(&mut engine, 61 * SECOND), (6_000, 0));
}

#[test]
fn a_call_from_before_a_limit_is_charged_to_it_when_it_ends() {
    let mut engine = Engine::new(&Policy { in_flight: Some(9), tokens: None, ..tokens() }, 0);
    let ticket = pass(&mut engine, 0, 100, 50);
    engine.set_policy(0, &tokens());
    engine.settle(Some(0), &ticket, &Charge::tokens(100, 50));
    assert_eq!(tokens_left(&mut engine, 0), (1_850, 0));
}

#[test]
fn requests_keep_their_use_and_follow_quota_burst_and_window() {
    let used = || {
        let mut engine = Engine::new(&requests(60), 0);
        (0..5).for_each(|_| _ = pass(&mut engine, 0, 0, 0));
        engine
    };
    let reading = |policy: Policy| {
        let mut engine = used();
        engine.set_policy(0, &policy);
        let reading = engine.reading(Dimension::Requests).unwrap();
        (reading.per_minute, reading.capacity, reading.level as i64)
    };
    assert_eq!(reading(requests(60)), (60, 60, 55));
    assert_eq!(reading(Policy { requests: Some(120), ..requests(60) }), (120, 120, 115));
    assert_eq!(reading(requests(120)), (60, 120, 115));
    assert_eq!(reading(sliding(requests(60))), (60, 60, 55));
    let mut engine = used();
    engine.set_policy(0, &sliding(requests(60)));
    assert_eq!(requests_left(&mut engine, 30 * SECOND), 55);
}

#[test]
fn a_change_of_something_else_does_not_touch_the_time_of_the_next_request() {
    let mut engine = Engine::new(&requests(1), 0);
    pass(&mut engine, 0, 0, 0);
    engine.set_policy(SECOND / 2, &Policy { max_waiting: 7, ..requests(1) });
    pass(&mut engine, SECOND, 0, 0);
}
