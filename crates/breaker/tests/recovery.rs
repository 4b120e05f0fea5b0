//! The way back: open, half-open, closed.
#![cfg(not(buttress_loom))]

mod support;

use std::time::Duration;

use buttress_breaker::{OpenFor, Policy, Rate, Reason, Slow, SlowerThan, State};
use buttress_call::{Kind, Outcome, find};
use support::{MS, SECOND, Step, fail, policy, rejected, rig};

#[tokio::test(start_paused = true)]
async fn it_stays_open_for_exactly_its_time_and_then_closes_after_enough_good_probes() {
    let rig = rig(policy());
    rig.trip().await;
    tokio::time::advance(9_999 * MS).await;
    assert!(rejected(&rig.send(Step::Answer).await));
    tokio::time::advance(MS).await;
    assert!(!rig.circuit.is_open());
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::HalfOpen);
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::ProbesSucceeded);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_hint_finds_a_probe_free() {
    let rig = rig(policy());
    rig.trip().await;
    tokio::time::advance(1_234_567 * MS / 1_000).await;
    let error = rig.send(Step::Answer).await.unwrap_err();
    tokio::time::sleep(find(&error).unwrap().retry_after().unwrap()).await;
    rig.send(Step::Answer).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_than_allowed_are_on_their_way_at_once() {
    let rig = rig(policy()).recovering().await;
    let first = rig.spawn(Step::AnswerAfter(SECOND)).await;
    let second = rig.spawn(Step::AnswerAfter(SECOND)).await;
    assert!(rig.circuit.is_open(), "no slot is free");
    let error = rig.send(Step::Answer).await.unwrap_err();
    assert_eq!(find(&error).unwrap().retry_after(), Some(15 * SECOND), "the first lease's end");
    assert_eq!((rig.target.in_flight(), rig.circuit.snapshot().probes), (2, 2));
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn two_clones_that_race_for_one_slot_get_one() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    // Both were readied while a slot was free; only the call takes it.
    let first = rig.start(support::Request::new(Step::AnswerAfter(SECOND))).await;
    let second = rig.start(support::Request::new(Step::AnswerAfter(SECOND))).await;
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() && rejected(&second));
}

#[tokio::test(start_paused = true)]
async fn one_failed_probe_opens_it_again() {
    let rig = rig(policy()).recovering().await;
    rig.send(Step::Answer).await.unwrap();
    rig.send(fail(Kind::Server)).await.unwrap_err();
    assert!(rig.circuit.is_open());
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::ProbeFailed(Kind::Server));
    tokio::time::advance(10 * SECOND).await;
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::HalfOpen, "the success of the earlier try is forgotten");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_returns_its_slot_and_so_does_one_that_says_nothing() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let probe = rig.spawn(Step::Hang).await;
    assert!(rig.circuit.is_open());
    probe.abort();
    let _ = probe.await;
    assert!(!rig.circuit.is_open());
    rig.send(fail(Kind::RateLimited)).await.unwrap_err();
    rig.send(fail(Kind::Invalid)).await.unwrap_err();
    assert_eq!(rig.circuit.state(), State::HalfOpen);
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_hung_probe_loses_its_slot_when_its_lease_ends() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let hung = rig.spawn(Step::Hang).await;
    tokio::time::advance(14_999 * MS).await;
    assert!(rejected(&rig.send(Step::Answer).await));
    tokio::time::advance(MS).await;
    rig.send(Step::Answer).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
    hung.abort();
    let _ = hung.await;
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn giving_up_a_lost_lease_does_not_free_the_next_probes_slot() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let hung = rig.spawn(Step::Hang).await;
    tokio::time::advance(15 * SECOND).await;
    let _second = rig.spawn(Step::Hang).await;
    hung.abort();
    let _ = hung.await;
    assert!(rig.circuit.is_open(), "the second probe holds the only slot");
    assert_eq!(rig.circuit.snapshot().probes, 1);
}

#[tokio::test(start_paused = true)]
async fn probes_slower_than_the_lease_and_the_window_still_close_it() {
    let rate = Some(Rate { share: 0.5, minimum: 3 });
    let rig = rig(Policy { failure_rate: rate, window: SECOND, ..policy() }).recovering().await;
    let (first, second) =
        (rig.spawn(Step::AnswerAfter(20 * SECOND)).await, rig.spawn(Step::AnswerAfter(20 * SECOND)).await);
    // Their slots are taken over meanwhile, by probes that are just as slow.
    tokio::time::sleep(16 * SECOND).await;
    let _third = rig.spawn(Step::AnswerAfter(20 * SECOND)).await;
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_whose_probes_fail_after_their_lease_opens_it_again() {
    let rig = rig(policy()).recovering().await;
    let probe = rig.spawn(Step::FailAfter(30 * SECOND, Kind::Timeout)).await;
    probe.await.unwrap().unwrap_err();
    assert!(rig.circuit.is_open());
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::ProbeFailed(Kind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn a_late_success_of_the_closed_era_does_not_close_an_open_circuit() {
    let rig = rig(Policy { probes: 1, ..policy() });
    let late = rig.spawn(Step::AnswerAfter(5 * SECOND)).await;
    let later = rig.spawn(Step::AnswerAfter(11 * SECOND)).await;
    rig.trip().await;
    late.await.unwrap().unwrap();
    assert!(rig.circuit.is_open());
    tokio::time::advance(5 * SECOND).await;
    let _probe = rig.spawn(Step::Hang).await;
    later.await.unwrap().unwrap();
    assert_eq!(rig.circuit.state(), State::HalfOpen, "nor a half-open one");
}

#[tokio::test(start_paused = true)]
async fn late_failures_of_an_earlier_era_count_for_nothing() {
    let rig = rig(Policy { probes: 1, ..policy() });
    let mut late = Vec::new();
    for _ in 0..5 {
        late.push(rig.spawn(Step::FailAfter(11 * SECOND, Kind::Server)).await);
    }
    rig.trip().await;
    tokio::time::advance(10 * SECOND).await;
    rig.send(Step::Answer).await.unwrap();
    for task in late {
        task.await.unwrap().unwrap_err();
    }
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.consecutive_failures), (State::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn a_late_success_does_not_reset_the_count_of_a_later_era() {
    let rig = rig(Policy { probes: 1, ..policy() });
    let late = rig.spawn(Step::AnswerAfter(11 * SECOND)).await;
    rig.trip().await;
    tokio::time::advance(10 * SECOND).await;
    rig.send(Step::Answer).await.unwrap();
    rig.send(fail(Kind::Server)).await.unwrap_err();
    late.await.unwrap().unwrap();
    assert_eq!(rig.circuit.snapshot().consecutive_failures, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_an_earlier_recovery_counts_for_nothing_in_the_next() {
    let rig = rig(policy()).recovering().await;
    let late = rig.spawn(Step::AnswerAfter(11 * SECOND)).await;
    rig.send(fail(Kind::Server)).await.unwrap_err();
    tokio::time::advance(10 * SECOND).await;
    let _hung = rig.spawn(Step::Hang).await;
    late.await.unwrap().unwrap();
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.probes, snapshot.probes_succeeded), (State::HalfOpen, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_begun_millisecond_never_shortens_the_open_time() {
    let rig = rig(Policy { open: OpenFor::Fixed(5 * MS), ..policy() });
    tokio::time::advance(Duration::from_micros(700)).await;
    rig.trip().await;
    tokio::time::advance(Duration::from_micros(4_999)).await;
    assert!(rig.circuit.is_open());
    tokio::time::advance(MS).await;
    assert!(!rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_streamed_probe_succeeds_at_its_first_content() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let _response = rig.send(Step::Stream { first_content: SECOND }).await.unwrap();
    assert_eq!(rig.circuit.state(), State::Closed, "the recovery does not wait for the end");
    rig.target.ender().end(Kind::Broken.into());
    assert_eq!(rig.circuit.snapshot().consecutive_failures, 0, "the probe's generation is over");
}

#[tokio::test(start_paused = true)]
async fn a_streamed_probe_that_breaks_while_half_open_opens_it_again() {
    let rig = rig(policy()).recovering().await;
    let _response = rig.send(Step::Stream { first_content: SECOND }).await.unwrap();
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.probes, snapshot.probes_succeeded), (State::HalfOpen, 0, 1));
    rig.target.ender().end(Kind::Broken.into());
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_streamed_probe_counts_once() {
    let rig = rig(policy()).recovering().await;
    let _response = rig.send(Step::Stream { first_content: SECOND }).await.unwrap();
    rig.target.ender().end(Outcome::Success);
    assert_eq!(rig.circuit.snapshot().probes_succeeded, 1);
}

#[tokio::test(start_paused = true)]
async fn a_head_without_content_is_no_proof_so_the_lease_bounds_it() {
    let rig = rig(Policy { probes: 1, ..policy() }).recovering().await;
    let _response = rig.send(Step::Head).await.unwrap();
    assert!(rig.circuit.is_open(), "the slot is taken");
    tokio::time::advance(15 * SECOND).await;
    assert!(!rig.circuit.is_open());
    rig.target.ender().end(Outcome::Success);
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_has_failed() {
    let slow = Slow { than: SlowerThan::Fixed(2 * SECOND), rate: Rate { share: 0.5, minimum: 10 } };
    let rig = rig(Policy { slow_rate: Some(slow), ..policy() }).recovering().await;
    rig.send(Step::AnswerAfter(3 * SECOND)).await.unwrap();
    assert!(rig.circuit.is_open());
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::ProbeSlow);
}
