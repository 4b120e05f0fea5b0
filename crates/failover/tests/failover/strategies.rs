//! Which target of a tier is next.

use std::{collections::HashMap, sync::Arc, time::Duration};

use buttress_call::{Kind, Shape};
use buttress_failover::{
    Affinity, Candidate, Candidates, MostReliable, PowerOfTwo, Strategy, Target, Weighted,
};
use proptest::{prelude::*, sample::subsequence};
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

fn all() -> [Scripted; 8] {
    NAMES.map(Scripted::serves)
}

fn fleet_of(targets: &[Scripted; 8], strategy: impl Strategy) -> Fleet {
    fleet(targets.each_ref()).strategy(strategy).seed(7)
}

fn keyed(key: u64) -> Ask {
    let mut shape = Shape::default();
    shape.prefix = Some(key);
    let mut ask = Ask::default();
    ask.call.set_shape(Arc::new(shape));
    ask
}

async fn where_keys_go(fleet: &Fleet) -> Vec<&'static str> {
    let mut places = Vec::new();
    for key in 0..200 {
        places.push(ask_for(fleet, keyed(key)).await.unwrap());
    }
    places
}

#[tokio::test(start_paused = true)]
async fn weights_are_respected_in_the_long_run_and_can_be_changed() {
    let [a, b, c, ..] = all();
    let targets = [("a", &a, 1), ("b", &b, 3), ("c", &c, 0)];
    let targets = targets.map(|(name, target, weight)| Target::new(name, target.clone()).weight(weight));
    let fleet = of(targets).strategy(Weighted).seed(1);
    for _ in 0..4000 {
        ask(&fleet).await.unwrap();
    }
    assert!((900..1100).contains(&a.calls()), "{}", a.calls());
    assert_eq!((a.calls() + b.calls(), c.calls()), (4000, 0));
    fleet.handle().set_weight("c", 4).unwrap();
    for _ in 0..1000 {
        ask(&fleet).await.unwrap();
    }
    assert!((430..570).contains(&c.calls()), "{}", c.calls());
}

#[tokio::test(start_paused = true)]
async fn a_weight_of_zero_takes_what_nobody_else_can() {
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::serves("b"));
    let fleet = of([Target::new("a", a.clone()), Target::new("b", b).weight(0)]).strategy(Weighted);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn of_two_replicas_the_idle_one_takes_the_call() {
    let (a, b) = (Scripted::always("a", Act::Hang), Scripted::always("b", Act::Hang));
    let fleet = fleet([&a, &b]).strategy(PowerOfTwo);
    let mut calls: Vec<_> = (0..20).map(|_| spawn(fleet.clone().oneshot(Ask::default()))).collect();
    for call in &mut calls {
        assert!(call.poll().is_pending());
    }
    assert_eq!((a.attempts_under_way(), b.attempts_under_way()), (10, 10));
}

#[tokio::test(start_paused = true)]
async fn a_slow_replica_gets_the_calls_that_its_speed_deserves() {
    let (a, b) =
        (Scripted::always("a", Act::ServeAfter(secs(4))), Scripted::always("b", Act::ServeAfter(secs(1))));
    let fleet = fleet([&a, &b]).strategy(PowerOfTwo).seed(3);
    let mut calls = Vec::new();
    for _ in 0..1000 {
        advance(Duration::from_millis(100)).await;
        let mut call = spawn(fleet.clone().oneshot(Ask::default()));
        assert!(call.poll().is_pending());
        calls.push(call);
        calls.retain_mut(|call| call.poll().is_pending());
    }
    assert!(a.calls() * 3 < b.calls(), "{} and {}", a.calls(), b.calls());
    assert!(a.calls() > 0);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_fails_at_once_does_not_look_like_a_fast_one() {
    let targets = all();
    for target in &targets {
        target.does(Act::ServeAfter(Duration::from_millis(300)));
    }
    targets[2].does(Act::FailAfter(Duration::from_millis(50), Kind::Server.into()));
    let fleet = fleet_of(&targets, PowerOfTwo);
    for _ in 0..600 {
        ask(&fleet).await.unwrap();
    }
    assert!(targets[2].calls() < 30, "{} of 600", targets[2].calls());
}

#[tokio::test(start_paused = true)]
async fn the_most_reliable_is_first_and_the_worst_is_tried_again_in_time() {
    let (a, b) = (Scripted::serves("a"), Scripted::serves("b"));
    let fleet = fleet([&a, &b]).strategy(MostReliable);
    a.does(Kind::Server);
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(ask(&fleet).await.unwrap(), "b");
    assert_eq!(a.calls(), 1);
    a.does(Act::Serve);
    advance(secs(120)).await;
    assert_eq!(ask(&fleet).await.unwrap(), "a", "equals go by the list");
}

#[tokio::test(start_paused = true)]
async fn a_conversation_stays_with_its_target_and_conversations_are_spread() {
    let targets = all();
    let fleet = fleet_of(&targets, Affinity::default());
    let places = where_keys_go(&fleet).await;
    assert_eq!(where_keys_go(&fleet).await, places);
    for target in &targets {
        assert!((2 * 10..2 * 45).contains(&target.calls()), "{}", target.calls());
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_of_the_users_own_and_a_bound_that_makes_no_sense() {
    let [a, b, ..] = all();
    let fleet = fleet([&a, &b]).strategy(Affinity::by(|shape| shape.max_output));
    for key in 0..20 {
        ask_for(&fleet, keyed(key)).await.unwrap();
    }
    assert!(a.calls() > 0 && b.calls() > 0, "without a key, as it comes");
    let error = Affinity::default().bound(0.5).unwrap_err();
    assert_eq!(error.to_string(), "a load bound of 0.5 x the mean: it must be 1 or more");
    assert!(Affinity::default().bound(f64::NAN).is_err());
}

#[tokio::test(start_paused = true)]
async fn one_key_in_fashion_does_not_drown_its_target() {
    let targets = NAMES.map(|name| Scripted::always(name, Act::Hang));
    let fleet = fleet_of(&targets, Affinity::default());
    let mut calls: Vec<_> = (0..80).map(|_| spawn(fleet.clone().oneshot(keyed(1)))).collect();
    for (before, call) in calls.iter_mut().enumerate() {
        assert!(call.poll().is_pending());
        let mean = (before + 1) as f64 / 8.0;
        let bound = (mean + mean.max(2.0 * mean.sqrt())).ceil().max(4.0) as usize;
        assert!(targets.iter().all(|target| target.attempts_under_way() <= bound), "after {before}");
        let twice = (2 * (before + 1)).div_ceil(8);
        assert!(mean < 4.0 || bound == twice, "a busy fleet keeps to twice the mean");
    }
    let most = targets.iter().map(Scripted::attempts_under_way).max();
    assert_eq!(most, Some(20), "twice the mean of 80 calls");
}

/// The least in flight.
struct Evenly;

impl Strategy for Evenly {
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
        candidates.iter().min_by_key(Candidate::in_flight)
    }
}

/// The calls in flight at one of 8 targets when its key is in fashion, and the next call of that key goes elsewhere. All
/// targets had `mean` before.
fn full(strategy: Affinity, mean: usize) -> usize {
    let targets = NAMES.map(|name| Scripted::always(name, Act::Hang));
    let fleet = fleet_of(&targets, Evenly);
    let mut calls = Vec::new();
    let mut most_after = |ask: Ask| {
        let mut call = spawn(fleet.clone().oneshot(ask));
        assert!(call.poll().is_pending());
        calls.push(call);
        targets.iter().map(Scripted::attempts_under_way).max().unwrap()
    };
    for _ in 0..8 * mean {
        assert!(most_after(Ask::default()) <= mean);
    }
    fleet.handle().set_strategy(strategy);
    let mut most = mean;
    loop {
        let now = most_after(keyed(1));
        if now == most {
            return most;
        }
        most = now;
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_fleet_keeps_what_chance_brings_together_and_a_key_in_fashion_spills_all_the_same() {
    for (mean, limit) in [(0, 4), (1, 4), (2, 6), (3, 8), (4, 10), (10, 24)] {
        assert_eq!(full(Affinity::default(), mean), limit, "of a mean of {mean} before it");
    }
    for (mean, limit) in [(0, 4), (4, 5), (16, 17)] {
        let strict = Affinity::default().bound(1.0).unwrap();
        assert_eq!(full(strict, mean), limit, "of a mean of {mean} before it");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strategy_of_the_users_own_that_picks_nothing_leaves_it_to_the_order() {
    struct Nothing;
    impl Strategy for Nothing {
        fn pick<'a>(&self, _: &Candidates<'a>) -> Option<Candidate<'a>> {
            None
        }
    }
    let (a, b) = (Scripted::always("a", Kind::Server), Scripted::serves("b"));
    assert_eq!(ask(&fleet([&a, &b]).strategy(Nothing)).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_tier_is_left_only_when_none_in_it_can_serve() {
    let [a, b, c, ..] = all();
    let tiered = [("a", &a, 0), ("b", &b, 0), ("c", &c, 1)];
    let fleet = of(tiered.map(|(name, target, tier)| Target::new(name, target.clone()).tier(tier)));
    let fleet = fleet.strategy_of(0, PowerOfTwo).seed(5);
    for _ in 0..50 {
        ask(&fleet).await.unwrap();
    }
    assert_eq!(c.calls(), 0);
    a.does(Kind::Server);
    b.does(Kind::Server);
    assert_eq!(ask(&fleet).await.unwrap(), "c");
    assert_eq!(a.calls() + b.calls(), 52, "both were asked first");
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_choices() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let targets = all();
        let fleet = fleet_of(&targets, PowerOfTwo);
        let mut run = Vec::new();
        for _ in 0..100 {
            run.push(ask(&fleet).await.unwrap());
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
}

fn paused<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn removing_a_target_moves_only_its_keys(gone in 0..8_usize) {
        paused(async {
            let targets = all();
            let fleet = fleet_of(&targets, Affinity::default());
            let before = where_keys_go(&fleet).await;
            fleet.handle().remove(NAMES[gone]).unwrap();
            let after = where_keys_go(&fleet).await;
            for (before, after) in before.iter().zip(&after) {
                prop_assert_eq!(before != after, *before == NAMES[gone]);
            }
            fleet.add(Target::new(NAMES[gone], targets[gone].clone())).unwrap();
            prop_assert_eq!(where_keys_go(&fleet).await, before, "they return with it");
            Ok(())
        })?;
    }

    #[test]
    fn no_key_however_in_fashion_loads_its_target_beyond_the_bound(
        keys in prop::collection::vec(prop_oneof![3 => Just(0), 1 => 0..200_u64], 1..120),
        bound in 1.0_f64..3.0,
    ) {
        paused(async {
            let targets = NAMES.map(|name| Scripted::always(name, Act::Hang));
            let fleet = fleet_of(&targets, Affinity::default().bound(bound).unwrap());
            let mut calls = Vec::new();
            for key in keys {
                let mut call = spawn(fleet.clone().oneshot(keyed(key)));
                prop_assert!(call.poll().is_pending());
                calls.push(call);
                let mean = calls.len() as f64 / NAMES.len() as f64;
                let most = (mean + (bound - 1.0) * mean.max(2.0 * mean.sqrt())).ceil().max(4.0) as usize;
                prop_assert!(targets.iter().all(|target| target.attempts_under_way() <= most));
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_strategy_asks_a_target_that_cannot_serve_while_one_can(
        which in 0..5_usize,
        able in subsequence(NAMES.to_vec(), 1..8),
        seed: u64,
    ) {
        paused(async {
            let targets = all();
            let fleet = fleet(targets.each_ref()).seed(seed);
            let fleet = match which {
                0 => fleet,
                1 => fleet.strategy(PowerOfTwo),
                2 => fleet.strategy(Weighted),
                3 => fleet.strategy(MostReliable),
                _ => fleet.strategy(Affinity::default()),
            };
            let mut fleet = fleet;
            for (at, name) in NAMES.into_iter().enumerate() {
                if able.contains(&name) {
                    continue;
                }
                match at % 3 {
                    0 => fleet.handle().drain(name).unwrap(),
                    1 => fleet = fleet.gate(name, || false).unwrap(),
                    _ => targets[at].does(Kind::Quota),
                }
            }
            // The quotas are learnt once each.
            let mut served = HashMap::new();
            for key in 0..100 {
                *served.entry(ask_for(&fleet, keyed(key)).await.unwrap()).or_insert(0) += 1;
            }
            for (at, name) in NAMES.into_iter().enumerate() {
                if !able.contains(&name) {
                    prop_assert!(targets[at].calls() <= usize::from(at % 3 == 2), "{}", name);
                }
            }
            prop_assert!(served.keys().all(|name| able.contains(name)));
            Ok(())
        })?;
    }

    #[test]
    fn with_every_strategy_a_call_asks_each_target_once_and_all_before_it_fails(
        which in 0..4_usize,
        seed: u64,
        serves in proptest::option::of(0..8_usize),
    ) {
        paused(async {
            let targets = NAMES.map(|name| Scripted::always(name, Kind::Server));
            if let Some(at) = serves {
                targets[at].does(Act::Serve);
            }
            let fleet = fleet(targets.each_ref()).seed(seed);
            let fleet = match which {
                0 => fleet.strategy(PowerOfTwo),
                1 => fleet.strategy(Weighted),
                2 => fleet.strategy(MostReliable),
                _ => fleet.strategy(Affinity::default()),
            };
            let answer = ask_for(&fleet, keyed(seed)).await;
            prop_assert_eq!(answer.ok(), serves.map(|at| NAMES[at]));
            prop_assert!(targets.iter().all(|target| target.calls() <= 1));
            prop_assert!(serves.is_some() || targets.iter().all(|target| target.calls() == 1));
            Ok(())
        })?;
    }
}
