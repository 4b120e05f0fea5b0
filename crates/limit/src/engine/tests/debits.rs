//! Holds that become debits, and debits that turn out to be wrong.

use super::*;

/// A bucket at 1,000 of 2,000: it is full again after ten seconds, if nothing is charged.
fn half_full() -> Engine {
    let mut engine = Engine::new(&tokens(), 0);
    lower(&mut engine, 1_000.0);
    engine
}

#[test]
fn an_input_is_debited_after_four_seconds_at_that_time_and_not_when_somebody_looks() {
    let mut engine = Engine::new(&tokens(), 0);
    pass(&mut engine, SECOND / 2, 500, 0);
    assert_eq!(tokens_left(&mut engine, 4 * SECOND - 1), (2_000, 500));
    // Four more seconds have flowed in since.
    assert_eq!(tokens_left(&mut engine, 8 * SECOND), (1_900, 0));
}

#[test]
fn what_is_held_by_the_second_is_looked_at_when_the_second_ends() {
    let mut engine = Engine::new(&tokens(), 0);
    for (now, look_at) in [(0, 1), (7_250, 7_251), (7_999, 8_000), (8_000, 8_001)] {
        engine.advance(now * SECOND / 1_000);
        assert_eq!(engine.look_at, look_at * SECOND / 1_000, "at {now} ms");
    }
    engine.advance(9 * SECOND - 1);
    assert_eq!(engine.look_at, 9 * SECOND);
}

#[test]
fn a_call_that_finds_room_does_not_look_at_what_has_flowed_in_within_a_millisecond() {
    let mut engine = half_full();
    pass(&mut engine, 0, 10, 0);
    let looked = engine.look_at;
    pass(&mut engine, SECOND / 2_000, 10, 0);
    assert_eq!(engine.look_at, looked);
    pass(&mut engine, SECOND / 1_000, 10, 0);
    assert!(engine.look_at > looked);
}

#[test]
fn a_call_that_is_sent_late_holds_its_input_from_then_on() {
    let mut engine = Engine::new(&tokens(), 0);
    let mut late = pass(&mut engine, 0, 500, 0);
    engine.renew(3 * SECOND, &mut late);
    assert_eq!(tokens_left(&mut engine, 5 * SECOND), (2_000, 500));
    assert_eq!(tokens_left(&mut engine, 7 * SECOND), (1_500, 0));
}

#[test]
fn what_a_full_bucket_could_not_take_needs_a_hold_to_end_and_the_next_ends_by_itself() {
    let mut engine = Engine::new(&tokens(), 0);
    pass(&mut engine, 4 * SECOND, 500, 0);
    engine.advance(5 * SECOND);
    let need = Need::new(1_600, 0, OutputCharge::AsStreamed);
    let wait = engine.admit(5 * SECOND, &need).unwrap_err();
    assert_eq!(wait, Wait { on: Dimension::Tokens, until: Some(8 * SECOND) });
}

#[test]
fn a_wrong_debit_returns_as_far_as_the_bucket_could_have_risen_without_it() {
    let mut engine = half_full();
    let ticket = pass(&mut engine, 0, 500, 0);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (1_600, 0));
    lower(&mut engine, 1_300.0);
    // Without it, it would have been full from the tenth second on.
    engine.settle(Some(11 * SECOND), &ticket, &Charge::FREE);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (1_700, 0));
}

#[test]
fn what_has_returned_counts_as_flowed_in_for_the_next_wrong_debit() {
    let mut engine = half_full();
    let [first, second] = [400, 500].map(|input| pass(&mut engine, 0, input, 0));
    assert_eq!(tokens_left(&mut engine, 8 * SECOND), (900, 0));
    engine.settle(Some(8 * SECOND), &second, &Charge::FREE);
    assert_eq!(tokens_left(&mut engine, 8 * SECOND), (1_400, 0));
    engine.settle(Some(8 * SECOND), &first, &Charge::FREE);
    // At most 1,800. How the two debits overlapped is not known any more, so less: never too much.
    assert_eq!(tokens_left(&mut engine, 8 * SECOND), (1_500, 0));
}

#[test]
fn a_hold_that_ends_without_a_charge_counts_as_flowed_in_for_a_wrong_debit() {
    let mut engine = half_full();
    let [unsent, wrong] = [500, 300].map(|input| pass(&mut engine, 0, input, 0));
    engine.settle(Some(0), &unsent, &Charge::UNSENT);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (1_800, 0));
    lower(&mut engine, 1_500.0);
    engine.settle(Some(11 * SECOND), &wrong, &Charge::FREE);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (1_700, 0));
}

#[test]
fn a_larger_bucket_counts_as_flowed_in_for_a_wrong_debit() {
    let mut engine = half_full();
    let ticket = pass(&mut engine, 0, 500, 0);
    engine.set_policy(0, &Policy { capacity: Some(3_000), ..tokens() });
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (2_600, 0));
    lower(&mut engine, 2_000.0);
    engine.settle(Some(11 * SECOND), &ticket, &Charge::FREE);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (2_400, 0));
}

#[test]
fn a_wrong_debit_of_later_returns_as_far_as_the_bucket_could_have_risen_since() {
    let mut engine = half_full();
    let ticket = pass(&mut engine, 2 * SECOND, 500, 0);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (1_600, 0));
    lower(&mut engine, 1_300.0);
    engine.settle(Some(11 * SECOND), &ticket, &Charge::FREE);
    assert_eq!(tokens_left(&mut engine, 11 * SECOND), (1_700, 0));
}

#[test]
fn a_debit_that_was_too_large_returns_by_what_was_too_much() {
    let mut engine = half_full();
    let ticket = pass(&mut engine, 0, 500, 0);
    assert_eq!(tokens_left(&mut engine, 6 * SECOND), (1_100, 0));
    engine.settle(Some(6 * SECOND), &ticket, &Charge::tokens(100, 0));
    assert_eq!(tokens_left(&mut engine, 6 * SECOND), (1_500, 0));
}
