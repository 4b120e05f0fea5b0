//! What a gate counts, and how long it lets wait.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Wake,
};

use super::*;
use crate::engine::{Dimension, SECOND};

fn policy() -> Policy {
    Policy {
        tokens: Some(60),
        ramp_up: Duration::ZERO,
        max_wait: Duration::from_secs(10),
        ..Policy::default()
    }
}

fn ask(input: u64) -> Ask {
    Ask { input, cap: Some(0), expected: None, priority: Priority::Normal, may_wait: true, remaining: None }
}

fn queue(gate: &Gate, now: Nanos, input: u64) -> Place {
    let Entry::Queued(place) = gate.enter(now, &ask(input), true) else { panic!("not queued") };
    place
}

fn turn(gate: &Gate, now: Nanos, place: Place) -> Turn {
    gate.turn(now, place, &Context::from_waker(Waker::noop()))
}

fn counts(gate: &Gate) -> [u64; 3] {
    gate.look(0, |_, counts, _| [counts.admitted, counts.waited, counts.refused])
}

/// A gate whose bucket is empty.
fn empty() -> Gate {
    let gate = Gate::new(&policy(), 0);
    let Entry::Admitted(held) = gate.enter(0, &ask(60), true) else { panic!("not admitted") };
    gate.settle(Some(0), held, settlement(Charge::tokens(60, 0)));
    gate
}

#[test]
fn a_call_waits_if_time_has_passed_by_its_turn() {
    let gate = Gate::new(&Policy { in_flight: Some(1), ..policy() }, 0);
    for (waits, counted) in [(0, 0), (SECOND, 1), (SECOND, 2)] {
        let Entry::Admitted(held) = gate.enter(0, &ask(1), true) else { panic!("not admitted") };
        let place = queue(&gate, 0, 1);
        gate.settle(Some(0), held, settlement(Charge::FREE));
        let Turn::Admitted(held) = turn(&gate, waits, place) else { panic!("not its turn") };
        gate.settle(Some(0), held, settlement(Charge::FREE));
        assert_eq!(counts(&gate)[1], counted);
    }
}

#[test]
fn every_refusal_is_counted_wherever_it_falls() {
    let gate = empty();
    for refused in 1..=2 {
        assert!(matches!(gate.enter(0, &ask(59), true), Entry::Refused(_)));
        assert_eq!(counts(&gate)[2], refused);
    }
    let [first, second] = [1, 1].map(|input| queue(&gate, 0, input));
    let _ = gate.give_up(0, first);
    assert_eq!(counts(&gate)[2], 3);
    let large = queue(&gate, 0, 5);
    gate.leave(second);
    gate.set_policy(0, &Policy { tokens: Some(4), ..policy() });
    assert!(matches!(turn(&gate, 0, large), Turn::Refused(_)));
    assert_eq!(counts(&gate), [1, 0, 4]);
}

#[test]
fn a_wait_of_just_as_long_as_it_may_is_let_wait() {
    let requests = Policy { tokens: None, requests: Some(60), burst: Duration::from_secs(1), ..policy() };
    for (most, queued) in [(SECOND, true), (SECOND - 1, false)] {
        let gate = Gate::new(&Policy { max_wait: Duration::from_nanos(most), ..requests }, 0);
        assert!(matches!(gate.enter(0, &ask(1), true), Entry::Admitted(_)));
        assert_eq!(matches!(gate.enter(0, &ask(1), true), Entry::Queued(_)), queued);
    }
}

#[test]
fn a_call_that_is_sent_late_holds_its_input_from_then_on() {
    let gate = Gate::new(&policy(), 0);
    let Entry::Admitted(held) = gate.enter(0, &ask(10), true) else { panic!("not admitted") };
    gate.renew(3 * SECOND, &held);
    let held_at = |now| gate.look(now, |engine, _, _| engine.reading(Dimension::Tokens).unwrap().held);
    assert_eq!([5, 7].map(|second| held_at(second * SECOND)), [10, 0]);
}

#[test]
fn a_call_that_ends_without_the_lock_wakes_whoever_waits() {
    let gate = Gate::new(&Policy { in_flight: Some(1), ..policy() }, 0);
    let Entry::Admitted(first) = gate.enter(0, &ask(1), true) else { panic!("not admitted") };
    let place = queue(&gate, 0, 1);
    let woken = Arc::new(Woken::default());
    let turn = || gate.turn(0, place, &Context::from_waker(&woken.clone().into()));
    assert!(matches!(turn(), Turn::Wait(None)));
    gate.end(first);
    assert_eq!(woken.0.load(Relaxed), 1);
    assert!(matches!(turn(), Turn::Admitted(_)));
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}
