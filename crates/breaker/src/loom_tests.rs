//! Every interleaving of a few threads on the state machine and on the window.

use loom::{sync::Arc, thread};

use crate::{
    circuit::{Admission, Change, Circuit, Effect, Probing, Ticket},
    window::{PLACES, Sum, Window},
    word::{Mode, Word},
};

const UNTIL: u64 = 100;
const CLOSED: Ticket = Ticket { generation: 0, lease: None };
/// The next tick after the third that has its bucket in the same place.
const LATER: u64 = 3 + PLACES;
const LAST_GENERATION: u32 = (1 << 22) - 1;

fn fail(circuit: &Circuit, generation: u32, threshold: u32) -> Option<Change> {
    changed(circuit.failure(generation, Some(threshold), |_| UNTIL))
}

fn changed(effect: Effect) -> Option<Change> {
    match effect {
        Effect::Changed(change) => Some(change),
        Effect::Counted | Effect::Stale => None,
    }
}

fn admit(circuit: &Circuit, now: u64, slots: u32) -> Option<(Ticket, Option<Change>)> {
    match circuit.admit(|| now, || Probing { slots, lease_ms: 50 }) {
        Admission::Admitted(ticket, change) => Some((ticket, change)),
        Admission::Refused(_) => None,
    }
}

/// An open circuit whose time is over.
fn due() -> Arc<Circuit> {
    Arc::new(Circuit::at(Word::new(Mode::Open, 1, UNTIL)))
}

#[test]
fn two_threads_failures_open_it_once() {
    loom::model(|| {
        let circuit = Arc::new(Circuit::new());
        let other = circuit.clone();
        let thread = thread::spawn(move || fail(&other, 0, 2));
        let here = fail(&circuit, 0, 2);
        let there = thread.join().unwrap();
        assert!(here.is_some() != there.is_some(), "exactly one made the change");
        assert_eq!(circuit.word(), Word::new(Mode::Open, 1, UNTIL));
    });
}

#[test]
fn a_success_between_failures_is_never_lost() {
    loom::model(|| {
        let circuit = Arc::new(Circuit::new());
        assert_eq!(fail(&circuit, 0, 2), None);
        let other = circuit.clone();
        let thread = thread::spawn(move || other.success(CLOSED, 1));
        let opened = fail(&circuit, 0, 2).is_some();
        let success = thread.join().unwrap();
        // Either order of the two is right, and the state tells which it was.
        let word = circuit.word();
        if opened {
            assert_eq!((word.mode(), success), (Mode::Open, Effect::Stale));
        } else {
            assert_eq!((word.mode(), success), (Mode::Closed, Effect::Counted));
            assert!(word.payload() <= 1);
        }
    });
}

#[test]
fn two_threads_get_one_probe_slot_between_them() {
    loom::model(|| {
        let circuit = due();
        let other = circuit.clone();
        let thread = thread::spawn(move || admit(&other, UNTIL, 1));
        let here = admit(&circuit, UNTIL, 1);
        let there = thread.join().unwrap();
        assert!(here.is_some() != there.is_some());
        let (ticket, change) = here.or(there).unwrap();
        assert!(change.is_some(), "whoever got the slot made it half-open");
        assert_eq!((ticket.generation, circuit.probes()), (2, (1, 0)));
    });
}

#[test]
fn a_late_success_neither_closes_nor_delays_an_open_circuit() {
    loom::model(|| {
        let circuit = Arc::new(Circuit::new());
        let other = circuit.clone();
        let thread = thread::spawn(move || other.success(CLOSED, 1));
        assert!(fail(&circuit, 0, 1).is_some());
        let (_, change) = admit(&circuit, UNTIL, 1).unwrap();
        assert!(change.is_some());
        thread.join().unwrap();
        assert_eq!((circuit.word().mode(), circuit.probes()), (Mode::HalfOpen, (1, 0)));
    });
}

#[test]
fn a_failing_and_a_succeeding_probe_end_in_open_or_in_closed_but_change_it_once() {
    loom::model(|| {
        let circuit = due();
        let (one, _) = admit(&circuit, UNTIL, 2).unwrap();
        let (two, _) = admit(&circuit, UNTIL, 2).unwrap();
        assert_eq!(circuit.success(one, 2), Effect::Counted);
        let other = circuit.clone();
        let thread = thread::spawn(move || changed(other.success(two, 2)));
        let failed = fail(&circuit, 2, 5);
        let closed = thread.join().unwrap();
        assert!(failed.is_some() != closed.is_some());
        let mode = if failed.is_some() { Mode::Open } else { Mode::Closed };
        assert!(circuit.word().is(mode, 3));
        assert_eq!(circuit.probes(), (0, 0));
    });
}

#[test]
fn a_lost_lease_frees_one_slot_whoever_comes_first() {
    loom::model(|| {
        let circuit = due();
        let (hung, _) = admit(&circuit, UNTIL, 1).unwrap();
        let other = circuit.clone();
        // The hung probe is dropped just as its lease ends and another takes the slot.
        let thread = thread::spawn(move || other.release(hung, || 1));
        let second = admit(&circuit, UNTIL + 50, 1);
        thread.join().unwrap();
        assert!(second.is_some());
        assert_eq!(circuit.probes(), (1, 0));
        assert!(admit(&circuit, UNTIL + 50, 1).is_none());
    });
}

#[test]
fn an_operator_wins_over_a_failure_and_a_probe() {
    loom::model(|| {
        let circuit = Arc::new(Circuit::new());
        let other = circuit.clone();
        let thread = thread::spawn(move || fail(&other, 0, 1));
        let _ = circuit.set(Mode::Forced, Word::NEVER);
        let _ = thread.join().unwrap();
        assert_eq!(circuit.word().payload(), Word::NEVER);
        assert_eq!(circuit.word().mode(), Mode::Forced);
    });
}

#[test]
fn a_generation_that_wraps_is_an_ordinary_one() {
    loom::model(|| {
        let circuit = Arc::new(Circuit::at(Word::new(Mode::Closed, LAST_GENERATION, 0)));
        let other = circuit.clone();
        let thread =
            thread::spawn(move || other.success(Ticket { generation: LAST_GENERATION, lease: None }, 1));
        assert!(fail(&circuit, LAST_GENERATION, 1).is_some());
        thread.join().unwrap();
        assert_eq!(circuit.word(), Word::new(Mode::Open, 0, UNTIL));
    });
}

#[test]
fn no_count_is_lost_when_two_threads_enter_a_bucket_anew() {
    loom::model(|| {
        let window = Arc::new(Window::new());
        window.add(3, true);
        let other = window.clone();
        let thread = thread::spawn(move || other.add(LATER, true));
        window.add(LATER, false);
        thread.join().unwrap();
        assert_eq!(window.sum(LATER), Sum { total: 2, bad: 1 });
    });
}

#[test]
fn a_bucket_begins_anew_once_whatever_it_holds() {
    for first in [3, LATER, LATER + PLACES] {
        loom::model(move || {
            let window = Arc::new(Window::new());
            window.add(first, true);
            let other = window.clone();
            let thread = thread::spawn(move || other.add(LATER, true));
            window.add(LATER + PLACES, false);
            thread.join().unwrap();
            let kept = u64::from(first == LATER + PLACES);
            assert_eq!(window.sum(LATER + PLACES), Sum { total: 1 + kept, bad: kept });
        });
    }
}

#[test]
fn a_straggler_never_brings_an_old_bucket_back() {
    loom::model(|| {
        let window = Arc::new(Window::new());
        let other = window.clone();
        let thread = thread::spawn(move || other.add(3, true));
        window.add(LATER, false);
        thread.join().unwrap();
        assert_eq!(window.sum(LATER), Sum { total: 1, bad: 0 });
    });
}
