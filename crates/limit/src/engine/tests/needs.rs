//! What a call holds, and what it is charged in the end.

use super::*;

fn output(engine: &Engine, cap: Option<u64>, expected: Option<u64>) -> u64 {
    engine.need(100, cap, expected).output
}

#[test]
fn a_cap_alone_counts_up_to_the_default_or_a_tenth_of_the_bucket() {
    let large = Engine::new(&Policy { default_output: 150, ..tokens() }, 0);
    let small = Engine::new(&Policy { default_output: 500, ..tokens() }, 0);
    assert_eq!([None, Some(90), Some(1_000)].map(|cap| output(&large, cap, None)), [150, 90, 200]);
    assert_eq!([None, Some(90), Some(1_000)].map(|cap| output(&small, cap, None)), [500, 90, 500]);
    assert_eq!([None, Some(90), Some(1_000)].map(|cap| output(&large, cap, Some(300))), [300, 90, 300]);
}

#[test]
fn what_is_not_charged_is_not_held() {
    assert_eq!(output(&Engine::new(&charged(OutputCharge::Free), 0), Some(500), Some(500)), 0);
}

#[test]
fn a_call_that_needs_just_the_bucket_is_not_too_large() {
    let engine = Engine::new(&tokens(), 0);
    let need = |input| Need::new(input, 0, OutputCharge::AsStreamed);
    assert_eq!(engine.too_small(&need(2_000)), None);
    assert_eq!(engine.too_small(&need(2_001)), Some(Dimension::Tokens));
}

#[test]
fn a_reserved_output_is_debited_with_the_input_and_what_was_not_used_returns() {
    let mut engine = Engine::new(&charged(OutputCharge::ReservedAndSettled), 0);
    lower(&mut engine, 1_500.0);
    let mut ticket = pass(&mut engine, 0, 100, 900);
    engine.answered(&mut ticket);
    assert_eq!(tokens_left(&mut engine, 0), (500, 0));
    engine.settle(Some(0), &ticket, &Charge::tokens(100, 50));
    assert_eq!(tokens_left(&mut engine, 0), (1_350, 0));
}

#[test]
fn a_reserved_output_that_is_kept_is_charged_in_full_but_not_for_a_call_that_cost_nothing() {
    let left = |charge| {
        let mut engine = Engine::new(&charged(OutputCharge::ReservedAndKept), 0);
        let ticket = pass(&mut engine, 0, 100, 900);
        engine.settle(Some(0), &ticket, &charge);
        tokens_left(&mut engine, 0).0
    };
    assert_eq!(left(Charge::tokens(100, 50)), 1_000);
    assert_eq!(left(Charge::FREE), 2_000);
}

#[test]
fn the_share_of_the_holds_that_is_used_is_learnt_from_answers_that_held_an_output() {
    let mut engine = Engine::new(&tokens(), 0);
    let mut answer = |held, output| {
        let ticket = pass(&mut engine, 0, 0, held);
        engine.settle(Some(0), &ticket, &Charge { answered: true, ..Charge::tokens(0, output) });
        (engine.used_share * 1e6).round() as u64
    };
    assert_eq!(
        [answer(100, 200), answer(100, 50), answer(0, 0), answer(100, 50)],
        [1_000_000, 990_000, 990_000, 980_200]
    );
}
