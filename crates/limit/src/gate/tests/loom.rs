//! Every interleaving of a queue's hand-over with arrivals, ends and cancellations.

use std::sync::atomic::{AtomicUsize as Counter, Ordering::SeqCst};

use ::loom::{model, sync::Arc, thread};

use super::*;

fn ask() -> Ask {
    Ask {
        input: 1,
        cap: Some(1),
        expected: None,
        priority: Priority::Normal,
        may_wait: true,
        remaining: None,
    }
}

/// Counts how often a task was woken.
#[derive(Default)]
struct Woken(Counter);

impl std::task::Wake for Woken {
    fn wake(self: std::sync::Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn waker() -> (std::sync::Arc<Woken>, Waker) {
    let woken = std::sync::Arc::new(Woken::default());
    (woken.clone(), woken.into())
}

/// One call in flight is all that may be.
fn gate() -> (Arc<Gate>, Held) {
    let gate = Gate::new(&Policy { in_flight: Some(1), ramp_up: Duration::ZERO, ..Policy::default() }, 0);
    let Entry::Admitted(first) = gate.enter(0, &ask(), true) else { panic!("not admitted") };
    (Arc::new(gate), first)
}

fn queue(gate: &Gate) -> Place {
    let Entry::Queued(place) = gate.enter(0, &ask(), true) else { panic!("not queued") };
    place
}

/// Ends a call on another thread: with the lock, and without it.
const ENDS: [fn(&Gate, Held); 2] = [
    |gate, held| {
        let _ = gate.settle(Some(0), held, settlement(Charge::FREE));
    },
    |gate, held| gate.end(held),
];

fn end(gate: &Arc<Gate>, held: Held, end: fn(&Gate, Held)) -> thread::JoinHandle<()> {
    let gate = gate.clone();
    thread::spawn(move || end(&gate, held))
}

/// Every interleaving, with either way to end.
fn either(test: fn(fn(&Gate, Held))) {
    for end in ENDS {
        model(move || test(end));
    }
}

#[test]
fn a_head_that_looks_while_a_call_ends_passes_or_is_woken() {
    either(|ended| {
        let (gate, first) = gate();
        let place = queue(&gate);
        let (woken, waker) = waker();
        let cx = Context::from_waker(&waker);
        let ending = end(&gate, first, ended);
        let turn = gate.turn(0, place, &cx);
        ending.join().unwrap();
        if !matches!(turn, Turn::Admitted(_)) {
            assert!(woken.0.load(SeqCst) > 0, "nobody told the head");
            assert!(matches!(gate.turn(0, place, &cx), Turn::Admitted(_)));
        }
    });
}

#[test]
fn a_head_that_is_cancelled_while_a_call_ends_leaves_the_turn_to_the_next() {
    either(|ended| {
        let (gate, first) = gate();
        let (head, next) = (queue(&gate), queue(&gate));
        let ((_, head_waker), (woken, waker)) = (self::waker(), self::waker());
        let cx = Context::from_waker(&waker);
        assert!(matches!(gate.turn(0, next, &cx), Turn::Wait(_)));
        assert!(matches!(gate.turn(0, head, &Context::from_waker(&head_waker)), Turn::Wait(_)));
        let ending = end(&gate, first, ended);
        gate.leave(head);
        ending.join().unwrap();
        assert!(woken.0.load(SeqCst) > 0, "the next was not told that it is the head");
        assert!(matches!(gate.turn(0, next, &cx), Turn::Admitted(_)));
    });
}

#[test]
fn two_that_arrive_while_a_call_ends_never_pass_together() {
    either(|ended| {
        let (gate, first) = gate();
        let ending = end(&gate, first, ended);
        let arriving = {
            let gate = gate.clone();
            thread::spawn(move || matches!(gate.enter(0, &ask(), true), Entry::Admitted(_)))
        };
        let here = matches!(gate.enter(0, &ask(), true), Entry::Admitted(_));
        let there = arriving.join().unwrap();
        ending.join().unwrap();
        assert!(!(here && there));
    });
}

#[test]
fn one_that_comes_to_wait_while_a_call_ends_passes_or_is_woken() {
    either(|ended| {
        let (gate, first) = gate();
        let ending = end(&gate, first, ended);
        let entry = gate.enter(0, &ask(), true);
        let (woken, waker) = waker();
        let cx = Context::from_waker(&waker);
        let turn = match entry {
            Entry::Queued(place) => Some((gate.turn(0, place, &cx), place)),
            entry => {
                assert!(matches!(entry, Entry::Admitted(_)));
                None
            }
        };
        ending.join().unwrap();
        if let Some((Turn::Wait(_), place)) = turn {
            assert!(woken.0.load(SeqCst) > 0, "nobody told the head");
            assert!(matches!(gate.turn(0, place, &cx), Turn::Admitted(_)));
        }
    });
}

#[test]
fn two_calls_that_end_at_once_while_one_locks_end_once_each() {
    model(|| {
        let policy = Policy { in_flight: Some(2), ramp_up: Duration::ZERO, ..Policy::default() };
        let gate = Arc::new(Gate::new(&policy, 0));
        let [first, second] = [(); 2].map(|()| match gate.enter(0, &ask(), false) {
            Entry::Admitted(held) => held,
            entry => panic!("{entry:?}"),
        });
        let threads = [end(&gate, first, ENDS[1]), end(&gate, second, ENDS[1])];
        gate.look(0, |engine, _, _| assert!(engine.in_flight() <= 2));
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        gate.look(0, |engine, _, _| assert_eq!(engine.in_flight(), 0));
    });
}
