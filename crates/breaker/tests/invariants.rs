//! What holds whatever the calls do and however they overlap.
#![cfg(not(buttress_loom))]
#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod support;

use std::time::Duration;

use buttress_breaker::{OpenFor, Policy, Rate, State};
use buttress_call::{Failure, Kind, Outcome};
use proptest::prelude::*;
use support::{Rig, SECOND, Step, rig};
use tokio::{task::JoinHandle, time::Instant};

const MIN_OPEN: Duration = Duration::from_secs(2);
const MAX_OPEN: Duration = Duration::from_secs(16);

#[derive(Clone, Debug)]
enum Op {
    Send(Step),
    /// Drops the oldest call that has not resolved.
    Drop,
    /// Ends the oldest stream: well, broken, or as cancelled.
    End(Option<Outcome>),
    Wait(Duration),
    Force(bool),
    Reset,
}

fn op() -> impl Strategy<Value = Op> {
    let ms = |range: std::ops::Range<u64>| range.prop_map(Duration::from_millis);
    let kind = prop::sample::select(&[Kind::Server, Kind::Timeout, Kind::RateLimited, Kind::Invalid][..]);
    let step = prop_oneof![
        3 => Just(Step::Answer),
        6 => kind.clone().prop_map(|kind| Step::Fail(kind.into())),
        2 => ms(1..20_000).prop_map(Step::AnswerAfter),
        2 => (ms(1..20_000), kind).prop_map(|(time, kind)| Step::FailAfter(time, kind)),
        2 => ms(1..5_000).prop_map(|first_content| Step::Stream { first_content }),
        1 => Just(Step::Head),
        1 => Just(Step::Hang),
    ];
    let end = prop_oneof![
        Just(Some(Outcome::Success)),
        Just(Some(Outcome::Failure(Failure::new(Kind::Broken)))),
        Just(None),
    ];
    prop_oneof![
        20 => step.prop_map(Op::Send),
        2 => Just(Op::Drop),
        2 => end.prop_map(Op::End),
        8 => ms(1..6_000).prop_map(Op::Wait),
        1 => any::<bool>().prop_map(Op::Force),
        1 => Just(Op::Reset),
    ]
}

/// Follows a circuit through `ops`, and checks it after each.
async fn follow(rig: Rig, ops: Vec<Op>, probes: u32) {
    let mut changes = rig.circuit.watch();
    changes.mark_unchanged();
    // How often in a row half-open has ended in open.
    let mut reopened = 0;
    let mut tasks: Vec<JoinHandle<_>> = Vec::new();
    let mut streams = 0_usize;
    for op in ops {
        let was_open = rig.circuit.is_open();
        let calls = rig.target.calls();
        match op {
            Op::Send(step) => {
                tasks.push(rig.spawn(step).await);
                assert!(!was_open || rig.target.calls() == calls, "an open circuit let a call through");
            }
            Op::Drop => {
                tasks.retain(|task| !task.is_finished());
                if !tasks.is_empty() {
                    tasks.remove(0).abort();
                }
            }
            Op::End(outcome) if streams > 0 => match outcome {
                Some(outcome) => rig.target.ender().end(outcome),
                None => drop(rig.target.ender()),
            },
            Op::End(_) => {}
            Op::Wait(time) => tokio::time::sleep(time).await,
            Op::Force(true) => rig.circuit.force_open(),
            Op::Force(false) => rig.circuit.force_close(),
            Op::Reset => rig.circuit.reset(),
        }
        tokio::task::yield_now().await;
        streams = rig.target.streams();

        let snapshot = rig.circuit.snapshot();
        assert!(snapshot.probes <= probes, "{} probes at once", snapshot.probes);
        assert!(snapshot.probes_succeeded < probes, "enough successes, but not closed");
        if !changes.has_changed().unwrap() {
            continue;
        }
        let change = *changes.borrow_and_update();
        let legal = matches!(
            (change.from, change.to),
            (State::Closed | State::HalfOpen, State::Open { .. })
                | (State::Open { .. }, State::HalfOpen)
                | (State::HalfOpen, State::Closed)
        );
        let by_hand = matches!(change.to, State::ForcedOpen | State::ForcedClosed | State::Closed);
        assert!(legal || by_hand, "{} to {} because of {}", change.from, change.to, change.reason);
        assert_eq!(change.to, snapshot.state);
        reopened = match (change.from, change.to) {
            (State::HalfOpen, State::Open { .. }) => reopened + 1,
            (_, State::HalfOpen) => reopened,
            _ => 0,
        };
        if let State::Open { until } = change.to {
            let time = until - change.at;
            let t = (MIN_OPEN * 2_u32.pow(reopened.min(8))).min(MAX_OPEN);
            assert!(t / 2 <= time && time <= t, "open for {time:?}, not for up to {t:?}");
        }
    }
}

fn run(future: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(future);
}

proptest! {
    #[test]
    fn only_legal_changes_no_more_probes_than_allowed_and_open_times_within_their_bounds(
        ops in prop::collection::vec(op(), 1..80),
        probes in 1_u32..4,
    ) {
        let open = OpenFor::Backoff { min: MIN_OPEN, max: MAX_OPEN };
        let policy = Policy { consecutive_failures: Some(2), probes, open, ..Policy::default() };
        run(async move { follow(rig(policy), ops, probes).await });
    }

    #[test]
    fn a_recovering_target_never_sees_more_calls_at_once_than_there_are_probes(
        calls in prop::collection::vec((1_u64..9_000, 0_u64..4_000, any::<bool>()), 1..40),
        probes in 1_u32..4,
    ) {
        let hour = Duration::from_secs(3_600);
        let policy = Policy { consecutive_failures: Some(3), probes, probe_lease: hour, ..Policy::default() };
        run(async move {
            let rig = rig(policy);
            rig.trip().await;
            tokio::time::advance(60 * SECOND).await;
            let mut tasks = Vec::new();
            for (time, pause, walks_away) in calls {
                // None of them says anything about the target, so the circuit stays half-open.
                let task = rig.spawn(Step::FailAfter(Duration::from_millis(time), Kind::RateLimited)).await;
                if walks_away {
                    task.abort();
                }
                tasks.push(task);
                assert!(rig.target.in_flight() <= probes as usize);
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            for task in tasks {
                let _ = task.await;
            }
            let snapshot = rig.circuit.snapshot();
            assert_eq!((snapshot.state, snapshot.probes), (State::HalfOpen, 0));
        });
    }

    #[test]
    fn below_its_minimum_the_rate_never_opens_it(
        steps in prop::collection::vec((prop::bool::weighted(0.9), 0_u64..4_000), 1..120),
        minimum in 2_u32..20,
        share in 0.01_f64..=1.0,
    ) {
        run(async move {
            let rate = Rate { share, minimum };
            let policy = Policy { consecutive_failures: None, failure_rate: Some(rate), ..Policy::default() };
            let rig = rig(policy);
            let mut ends: Vec<(Instant, bool)> = Vec::new();
            for (bad, pause) in steps {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let _ = rig.send(if bad { support::fail(Kind::Server) } else { Step::Answer }).await;
                ends.push((Instant::now(), bad));
                // The window never holds more than all of the last 30 s.
                let window = || ends.iter().filter(|(at, _)| at.elapsed() < 30 * SECOND);
                if rig.circuit.state() == State::Closed {
                    continue;
                }
                let (total, bad) = (window().count(), window().filter(|(_, bad)| *bad).count());
                assert!(total >= minimum as usize, "opened on {total} calls, not on {minimum}");
                assert!(bad > 0);
                break;
            }
        });
    }

    #[test]
    fn rate_limits_count_for_nothing(limits in prop::collection::vec(0_u64..2_000, 1..60)) {
        run(async move {
            let rate = Rate { share: 0.01, minimum: 1 };
            let policy = Policy { consecutive_failures: Some(1), failure_rate: Some(rate), ..Policy::default() };
            let rig = rig(policy);
            let before = rig.circuit.snapshot();
            for pause in limits {
                tokio::time::sleep(Duration::from_millis(pause)).await;
                let hint = Failure::new(Kind::RateLimited).with_retry_after(Some(30 * SECOND));
                rig.send(Step::Fail(hint)).await.unwrap_err();
            }
            assert_eq!(rig.circuit.snapshot(), before);
        });
    }
}
