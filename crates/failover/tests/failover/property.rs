//! Whatever the targets do, against a model of the tour.

use std::task::Poll;

use buttress_call::Kind;
use buttress_failover::TargetSnapshot;
use proptest::{collection::vec, prelude::*};
use tokio_test::task::spawn;
use tower::ServiceExt;

use crate::scripted::*;

const NAMES: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
struct Round {
    acts: [Act; 3],
    ready: [bool; 3],
    wait: u64,
}

#[derive(Debug, PartialEq)]
enum End {
    Answered(&'static str),
    Failed,
    Waits,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::Serve),
        5 => proptest::sample::select(&Kind::ALL[..]).prop_map(Act::from),
        2 => proptest::sample::select(&[Kind::Server, Kind::Invalid][..]).prop_map(Act::Respond),
        2 => (1..400_u64).prop_map(|secs| hinted(Kind::RateLimited, secs)),
    ]
}

fn round() -> impl Strategy<Value = Round> {
    let ready = || prop::bool::weighted(0.8);
    let wait = prop_oneof![3 => Just(0), 1 => 1..400_u64];
    ([act(), act(), act()], [ready(), ready(), ready()], wait).prop_map(|(acts, ready, wait)| Round {
        acts,
        ready,
        wait,
    })
}

/// The end that a call must have, and the targets that it calls.
fn model(round: &Round, targets: &[TargetSnapshot]) -> (End, Vec<usize>) {
    let mut called = Vec::new();
    let mut last = End::Failed;
    let mut upstream_failed = false;
    let left = |target: &TargetSnapshot| target.cooling.map(|cooldown| cooldown.remaining);
    let is_free = |index: usize| left(&targets[index]).is_none_or(|left| left.is_zero());
    loop {
        let untried = || (0..3).filter(|index| !called.contains(index));
        let free: Vec<usize> = untried().filter(|index| is_free(*index)).collect();
        let soonest = untried().min_by_key(|index| left(&targets[*index]));
        let next = match (free.iter().find(|index| round.ready[**index]), soonest) {
            (Some(index), _) => *index,
            (None, _) if !free.is_empty() => return (End::Waits, called),
            (None, Some(index)) if !upstream_failed && round.ready[index] => index,
            (None, Some(_)) if !upstream_failed => return (End::Waits, called),
            (None, _) => return (last, called),
        };
        called.push(next);
        let answered = || End::Answered(NAMES[next]);
        let kind = match round.acts[next] {
            Act::Serve => return (answered(), called),
            Act::Respond(kind) => {
                last = answered();
                kind
            }
            Act::Fail(failure) => {
                last = End::Failed;
                failure.kind
            }
            _ => unreachable!(),
        };
        if !kind.fails_over() {
            return (last, called);
        }
        upstream_failed |= kind != Kind::Rejected;
    }
}

proptest! {
    #[test]
    fn each_target_is_called_once_at_most_and_a_call_is_served_iff_a_target_in_its_tour_serves(
        rounds in vec(round(), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let targets = NAMES.map(Scripted::serves);
            let fleet = fleet([&targets[0], &targets[1], &targets[2]]);
            for round in rounds {
                for ((target, act), ready) in targets.iter().zip(round.acts).zip(round.ready) {
                    target.does(act);
                    target.set_ready(ready);
                }
                let before = targets.each_ref().map(Scripted::calls);
                let (expected, called) = model(&round, &fleet.handle().snapshot());
                let mut call = spawn(fleet.clone().oneshot(Ask::default()));
                let end = match call.poll() {
                    Poll::Ready(Ok(answer)) => End::Answered(answer.from),
                    Poll::Ready(Err(_)) => End::Failed,
                    Poll::Pending => End::Waits,
                };
                prop_assert_eq!(end, expected);
                for (index, target) in targets.iter().enumerate() {
                    let calls = target.calls() - before[index];
                    prop_assert_eq!(calls, usize::from(called.contains(&index)));
                }
                drop(call);
                prop_assert!(targets.iter().all(|target| target.spare_clones() == 0));
                advance(secs(round.wait)).await;
            }
            Ok(())
        })?;
    }
}
