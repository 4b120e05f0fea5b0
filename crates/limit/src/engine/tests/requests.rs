//! Requests: credits, burns, and the strict log.

use super::{super::log::Log, *};

#[test]
fn a_request_that_was_never_sent_lets_another_pass() {
    let mut engine = Engine::new(&requests(1), 0);
    let ticket = pass(&mut engine, 0, 0, 0);
    engine.settle(Some(0), &ticket, &Charge::UNSENT);
    let ticket = pass(&mut engine, 0, 0, 0);
    engine.settle(Some(0), &ticket, &Charge::FREE);
    let wait = engine.admit(0, &Need::NONE).unwrap_err();
    assert_eq!(wait, Wait { on: Dimension::Requests, until: Some(SECOND) });
}

#[test]
fn a_credit_for_what_has_flowed_in_meanwhile_is_worth_nothing() {
    let mut engine = Engine::new(&requests(10), 0);
    let ticket = pass(&mut engine, 0, 0, 0);
    engine.settle(Some(0), &ticket, &Charge::UNSENT);
    let passed = (0..20).filter(|_| engine.admit(20 * SECOND, &Need::NONE).is_ok()).count();
    assert_eq!(passed, 10);
}

#[test]
fn requests_of_others_use_up_credits_first() {
    let mut requests = Requests::new(&requests(10), 60, 0);
    (0..3).for_each(|_| requests.check(0).unwrap());
    (0..2).for_each(|_| requests.give_back(0, 0));
    requests.lower(0, 5.0);
    assert_eq!(requests.reading(0).level as i64, 5);
    let passed = (0..20).filter(|_| requests.check(0).is_ok()).count();
    assert_eq!(passed, 5);
}

#[test]
fn a_full_window_waits_for_its_oldest_request() {
    let policy = Policy { window: Window::Sliding, requests: Some(2), ..requests(60) };
    let mut engine = Engine::new(&policy, 0);
    pass(&mut engine, 100 * SECOND, 0, 0);
    pass(&mut engine, 110 * SECOND, 0, 0);
    let wait = engine.admit(120 * SECOND, &Need::NONE).unwrap_err();
    assert_eq!(wait.until, Some(160 * SECOND + SECOND / 2));
}

#[test]
fn a_log_takes_back_what_was_added_then_and_only_while_it_knows_it() {
    let mut log = Log::new(0);
    log.add(5);
    log.advance(10 * SECOND);
    log.add(7);
    log.advance(12 * SECOND);
    log.remove(10 * SECOND, 7);
    assert_eq!(log.total(), 5);
    log.advance(60 * SECOND + SECOND / 2);
    log.add(3);
    log.remove(0, 5);
    assert_eq!(log.total(), 3);
}

#[test]
fn more_than_a_log_remembers_is_forgotten_with_its_youngest() {
    let mut log = Log::new(0);
    log.advance(2 * SECOND);
    log.add(5);
    assert_eq!(log.until_forgotten(9), 62 * SECOND + SECOND / 2);
}
