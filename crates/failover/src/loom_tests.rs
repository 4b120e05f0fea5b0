//! Every interleaving of a few calls, and of an operator, on what they share of a target and of the list.

use std::{sync::atomic, time::Duration};

use buttress_call::{Failure, Kind};
use loom::{sync::Arc, thread};

use crate::{
    Change, Target,
    change::News,
    cooling::Probe,
    fleet::Shared,
    roster::Roster,
    state::State,
    target::Settings,
    warm_up::{Era, WarmUp},
};

const MINUTE: Duration = Duration::from_secs(60);

type Std<T> = std::sync::Arc<T>;

fn settings(name: &str) -> Settings {
    Target::new(name, ()).settings
}

fn state() -> Std<State> {
    Std::new(State::new(0, settings("a"), News::new()))
}

/// A failure that a probe must follow; a longer hint makes it another one.
fn quota(minutes: u32) -> Failure {
    Failure::new(Kind::Quota).with_retry_after(Some(minutes * MINUTE))
}

/// The era after this many returns.
fn era_after(returns: usize) -> Era {
    let warm_up = WarmUp::default();
    (0..returns).for_each(|_| warm_up.begin());
    warm_up.era()
}

#[test]
fn two_calls_get_one_probe_between_them() {
    loom::model(|| {
        let state = state();
        state.cooler.cool(quota(6), None);
        let seen = state.cooler.seen(None);
        let other = state.clone();
        let thread = thread::spawn(move || Probe::take(&other, seen));
        let here = Probe::take(&state, seen);
        let there = thread.join().unwrap();
        assert!(here.is_some() != there.is_some());
    });
}

#[test]
fn a_probe_that_failed_is_not_repeated_by_one_who_saw_the_cooling_before() {
    loom::model(|| {
        let state = state();
        state.cooler.cool(quota(6), None);
        let seen = state.cooler.seen(None);
        let probe = Probe::take(&state, seen).unwrap();
        let other = state.clone();
        let thread = thread::spawn(move || Probe::take(&other, seen).is_some());
        state.cooler.cool(quota(7), None);
        drop(probe);
        assert!(!thread.join().unwrap());
        assert!(Probe::take(&state, state.cooler.seen(None)).is_some(), "the slot was given back");
    });
}

#[test]
fn a_success_never_ends_a_cooling_that_came_after_it_began() {
    loom::model(|| {
        let state = state();
        state.cooler.cool(quota(6), None);
        let seen = state.cooler.seen(None);
        let other = state.clone();
        let thread = thread::spawn(move || other.cooler.recovered(seen, None));
        state.cooler.cool(quota(7), None);
        thread.join().unwrap();
        assert!(state.cooler.awaits_probe());
    });
}

#[test]
fn of_two_coolings_at_once_the_longer_stays() {
    loom::model(|| {
        let state = state();
        let other = state.clone();
        let thread = thread::spawn(move || other.cooler.cool(quota(9), None));
        state.cooler.cool(quota(6), None);
        thread.join().unwrap();
        let (cooldown, _) = state.cooler.snapshot();
        assert!(cooldown.unwrap().remaining > 8 * MINUTE);
    });
}

#[test]
fn two_successes_make_one_recovery() {
    loom::model(|| {
        let state = state();
        state.cooler.cool(quota(6), None);
        let seen = state.cooler.seen(None);
        let other = state.clone();
        let thread = thread::spawn(move || other.cooler.recovered(seen, None));
        state.cooler.recovered(seen, None);
        thread.join().unwrap();
        assert_eq!(state.cooler.warm_up.era(), era_after(1));
    });
}

#[test]
fn calls_look_for_a_models_cooling_exactly_while_there_is_one() {
    loom::model(|| {
        let (state, model) = (state(), "m".into());
        let other = state.clone();
        let thread = thread::spawn(move || other.cooler.forgive());
        state.cooler.cool(Kind::NotFound.into(), Some(&model));
        thread.join().unwrap();
        let (_, models) = state.cooler.snapshot();
        assert_eq!(state.cooler.seen(Some(&model)).any(), !models.is_empty());
    });
}

#[test]
fn two_calls_that_find_a_gate_open_again_warm_the_target_up_once() {
    loom::model(|| {
        let open = Std::new(atomic::AtomicBool::new(false));
        let may_pass = {
            let open = open.clone();
            move || open.load(atomic::Ordering::SeqCst)
        };
        let settings = Settings { gate: Some(Box::new(may_pass)), ..settings("a") };
        let state = Std::new(State::new(0, settings, News::new()));
        assert!(state.is_gated());
        open.store(true, atomic::Ordering::SeqCst);
        let other = state.clone();
        let thread = thread::spawn(move || other.is_gated());
        assert!(!state.is_gated() && !thread.join().unwrap());
        assert_eq!(state.cooler.warm_up.era(), era_after(1));
    });
}

#[test]
fn what_hangs_from_before_an_outage_neither_fills_nor_empties_the_target_after_it() {
    loom::model(|| {
        let warm_up = Arc::new(WarmUp::default());
        let before = warm_up.enter();
        let other = warm_up.clone();
        let thread = thread::spawn(move || other.leave(before));
        warm_up.begin();
        let after = warm_up.enter();
        thread.join().unwrap();
        assert!(!warm_up.has_room());
        assert_eq!(after, era_after(1));
        warm_up.leave(after);
        assert!(warm_up.has_room());
    });
}

#[test]
fn the_last_success_of_a_warm_up_does_not_end_the_next_one() {
    loom::model(|| {
        let warm_up = Arc::new(WarmUp::default());
        warm_up.begin();
        let era = warm_up.era();
        (0..30).for_each(|_| warm_up.grow(era));
        assert_eq!(warm_up.allowed(), Some(31));
        let other = warm_up.clone();
        let thread = thread::spawn(move || other.grow(era));
        warm_up.begin();
        thread.join().unwrap();
        let allowed = warm_up.allowed();
        assert!(allowed == Some(1) || allowed == Some(2), "{allowed:?}");
    });
}

#[test]
fn who_waits_for_a_drained_target_is_told_of_its_last_call_or_finds_it_gone() {
    loom::model(|| {
        let news = News::new();
        let state = Std::new(State::new(0, settings("a"), news.clone()));
        let (era, watch) = (state.entered(), news.watch());
        let other = state.clone();
        let thread = thread::spawn(move || other.left(era));
        state.drain(true);
        let still_busy = state.traffic.in_flight() > 0;
        thread.join().unwrap();
        assert!(!still_busy || *watch.borrow() == Change::Idle("a".into()));
    });
}

#[test]
fn who_finds_a_target_removed_finds_that_the_list_is_old() {
    loom::model(|| {
        let roster = Roster::new();
        let state = roster.add(settings("a"), false).unwrap();
        let version = roster.version();
        let other = roster.clone();
        let thread = thread::spawn(move || drop(other.take("a")));
        if state.is_drained() {
            assert_ne!(roster.version(), version);
        }
        thread.join().unwrap();
    });
}

#[test]
fn a_list_that_is_read_while_it_changes_is_read_again() {
    loom::model(|| {
        let roster = Roster::new();
        let members = ["a", "b"].map(|name| (roster.add(settings(name), false).unwrap(), Std::new(())));
        let shared = Shared::new(roster.clone(), members.into());
        let other = roster.clone();
        let thread = thread::spawn(move || other.reorder(["b"].into_iter()).unwrap());
        assert_eq!(shared.fleet().states.len(), 2);
        thread.join().unwrap();
        let fleet = shared.fleet();
        assert!(fleet.is_latest());
        assert_eq!(&*fleet.states[0].name, "b");
    });
}
