//! How long a call has to wait, and on what.

use super::*;

const NEED: Need = Need { input: 100, output: 0, charged: OutputCharge::AsStreamed };

/// Limits of both and of the input alone, with nothing left in either.
fn empty(tokens: u64, input: u64) -> Engine {
    let policy = Policy { tokens: Some(tokens), input_tokens: Some(input), ..tokens_alone() };
    let mut engine = Engine::new(&policy, 0);
    engine.meters.iter_mut().flatten().for_each(|meter| meter.lower(0.0));
    engine
}

fn tokens_alone() -> Policy {
    super::tokens()
}

#[test]
fn of_several_limits_the_slowest_is_waited_for() {
    let wait = |tokens, input| empty(tokens, input).admit(0, &NEED).unwrap_err();
    let [both, input] = [wait(600, 6_000), wait(6_000, 600)];
    assert_eq!([both.on, input.on], [Dimension::Tokens, Dimension::InputTokens]);
    assert!([both, input].iter().all(|wait| near(wait.until.unwrap(), 10 * SECOND)));
}

#[test]
fn an_estimate_counts_what_those_before_use_of_their_holds() {
    let mut engine = Engine::new(&tokens(), 0);
    lower(&mut engine, 100.0);
    engine.used_share = 0.5;
    let estimate = |engine: &Engine, output| engine.estimate(&NEED, &Need { input: 0, output, ..NEED }, 0).0;
    assert_eq!(estimate(&engine, 0), 0, "it has just enough");
    assert!(near(estimate(&engine, 1_000), 5 * SECOND));
}

#[test]
fn an_estimate_counts_the_request_itself_and_those_before() {
    let mut engine = Engine::new(&Policy { requests: Some(120), ..requests(60) }, 0);
    (0..119).for_each(|_| _ = pass(&mut engine, 0, 0, 0));
    let estimate = |engine: &Engine, ahead| engine.estimate(&Need::NONE, &Need::NONE, ahead).0;
    assert_eq!([0, 1, 4].map(|ahead| estimate(&engine, ahead)), [0, SECOND / 2, 2 * SECOND]);
    pass(&mut engine, 0, 0, 0);
    assert_eq!([0, 2].map(|ahead| estimate(&engine, ahead)), [SECOND / 2, 3 * SECOND / 2]);
}

#[test]
fn a_window_is_waited_for_until_it_forgets_and_then_at_the_rate_of_the_quota() {
    let mut engine = Engine::new(&Policy { window: Window::Sliding, ..tokens() }, 0);
    engine.advance(120 * SECOND);
    lower(&mut engine, 5_000.0);
    let meter = engine.meters[0].as_ref().unwrap();
    let now = 130 * SECOND;
    let forgets = 180 * SECOND + SECOND / 2 - now;
    assert_eq!([500.0, 1_000.0].map(|missing| meter.time_for(now, missing)), [forgets; 2]);
    assert!(near(meter.time_for(now, 1_500.0), forgets + 5 * SECOND));
}

#[test]
fn calls_in_flight_have_a_reading() {
    let mut engine = Engine::new(&Policy { in_flight: Some(5), ..tokens() }, 0);
    (0..2).for_each(|_| _ = pass(&mut engine, 0, 1, 0));
    let reading = engine.reading(Dimension::InFlight).unwrap();
    assert_eq!(reading, Reading { per_minute: 0, capacity: 5, level: 3.0, held: 0 });
}

#[test]
fn it_is_at_rest_once_nothing_is_in_flight_used_or_blocked() {
    let both = Policy { requests: Some(60), burst: Duration::from_secs(60), ..tokens() };
    let mut engine = Engine::new(&both, 0);
    assert!(engine.is_at_rest(0));
    let ticket = pass(&mut engine, 0, 0, 0);
    assert!(!engine.is_at_rest(SECOND), "in flight");
    engine.settle(Some(SECOND), &ticket, &Charge::FREE);
    assert!(engine.is_at_rest(SECOND));
    let ticket = pass(&mut engine, SECOND, 0, 0);
    engine.settle(Some(SECOND), &ticket, &Charge::FREE);
    assert!(!engine.is_at_rest(SECOND), "a request is used");
    lower(&mut engine, 1_500.0);
    assert!(!engine.is_at_rest(3 * SECOND), "tokens are used");
    assert!(engine.is_at_rest(10 * SECOND));
    engine.rate_limited(10 * SECOND, &ticket, Some(Duration::from_secs(60)), None);
    assert!(!engine.is_at_rest(10 * SECOND), "blocked");
}
