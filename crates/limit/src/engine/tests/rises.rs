//! The gradual rise, call by call.

use super::*;

fn rising() -> Engine {
    Engine::new(&Policy { ramp_up: Duration::from_secs(60), ..requests(60) }, 0)
}

/// One in which the free calls and a first one at the pace have passed, with the last one's ticket.
fn paced() -> (Engine, Ticket) {
    let mut engine = rising();
    (0..10).for_each(|_| _ = pass(&mut engine, 0, 0, 0));
    let ticket = pass(&mut engine, 0, 0, 0);
    (engine, ticket)
}

#[test]
fn after_the_free_calls_each_waits_until_the_rising_rate_has_paid_for_the_one_before() {
    let (mut engine, _) = paced();
    // 0.1 t + (0.9 / 60) t^2 / 2 = 1
    let until = 20 * SECOND / 3;
    let wait = engine.admit(0, &Need::NONE).unwrap_err();
    assert_eq!(wait.on, Dimension::Requests);
    assert!(near(wait.until.unwrap(), until), "{wait:?}");
    assert!(engine.admit(until - SECOND / 100, &Need::NONE).is_err());
    pass(&mut engine, wait.until.unwrap(), 0, 0);
    // Seen from half-way it is the same time.
    let (mut engine, _) = paced();
    engine.advance(3 * SECOND);
    let wait = engine.admit(3 * SECOND, &Need::NONE).unwrap_err();
    assert!(near(wait.until.unwrap(), until), "{wait:?}");
}

#[test]
fn a_call_that_never_got_anywhere_returns_its_pace() {
    let (mut engine, ticket) = paced();
    engine.settle(Some(0), &ticket, &Charge::UNSENT);
    pass(&mut engine, 0, 0, 0);
    assert!(engine.admit(0, &Need::NONE).is_err());
}

#[test]
fn a_policy_without_a_rise_ends_it_and_one_with_another_does_not() {
    let (mut engine, _) = paced();
    engine.set_policy(0, &Policy { ramp_up: Duration::from_secs(30), ..requests(60) });
    assert!(engine.is_rising());
    engine.set_policy(0, &requests(60));
    assert!(!engine.is_rising());
    pass(&mut engine, 0, 0, 0);
    assert!(!engine.is_rising(), "nor does another call begin one");
}

#[test]
fn a_storm_begins_a_rise_if_the_policy_has_one() {
    for rises in [false, true] {
        let mut engine = if rises { rising() } else { Engine::new(&requests(60), 0) };
        for _ in 0..5 {
            let ticket = pass(&mut engine, 0, 0, 0);
            engine.settle(Some(0), &ticket, &Charge::FREE);
            engine.rate_limited(0, &ticket, Some(Duration::ZERO), None);
        }
        assert_eq!(engine.is_rising(), rises);
    }
}

#[test]
fn five_429s_within_ten_seconds_are_a_storm() {
    for (apart, storm) in [(10 * SECOND / 4, true), (10 * SECOND / 4 + 1, false)] {
        let mut engine = rising();
        pass(&mut engine, 0, 0, 0);
        // The first rise is over.
        for now in (0..5).map(|number| 100 * SECOND + number * apart) {
            let ticket = pass(&mut engine, now, 0, 0);
            engine.settle(Some(now), &ticket, &Charge::FREE);
            assert!(!engine.is_rising());
            engine.rate_limited(now, &ticket, Some(Duration::ZERO), None);
        }
        assert_eq!(engine.is_rising(), storm, "{apart} ns apart");
    }
}

#[test]
fn a_call_costs_the_seconds_that_its_tokens_take() {
    let mut engine = Engine::new(&Policy { ramp_up: Duration::from_secs(60), ..tokens() }, 0);
    (0..10).for_each(|_| _ = pass(&mut engine, 0, 1, 0));
    pass(&mut engine, 0, 200, 0);
    let wait = engine.admit(0, &Need::new(1, 0, OutputCharge::AsStreamed)).unwrap_err();
    // 0.1 t + (0.9 / 60) t^2 / 2 = 2
    assert!(wait.until.unwrap().abs_diff(10_971_675_409) < SECOND / 1_000_000, "{wait:?}");
}
