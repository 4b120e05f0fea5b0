//! What opens a circuit.
#![cfg(not(buttress_loom))]

mod support;

use std::time::Duration;

use buttress_breaker::{BreakerLayer, Open, OpenFor, Policy, Rate, Reason, Slow, SlowerThan, State};
use buttress_call::{Failure, Kind, find};
use support::{MS, SECOND, Step, fail, policy, rejected, rig};
use tower::{Layer, ServiceExt};

fn by_rate(share: f64, minimum: u32) -> Policy {
    Policy { consecutive_failures: None, failure_rate: Some(Rate { share, minimum }), ..policy() }
}

fn by_slowness(than: SlowerThan) -> Policy {
    let rate = Rate { share: 0.5, minimum: 10 };
    Policy { consecutive_failures: None, slow_rate: Some(Slow { than, rate }), ..policy() }
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_and_a_success_between_them_does_not() {
    let rig = rig(policy());
    for step in
        [fail(Kind::Server), fail(Kind::Timeout), Step::Answer, fail(Kind::Server), fail(Kind::Broken)]
    {
        let _ = rig.send(step).await;
    }
    assert_eq!(rig.circuit.state(), State::Closed);
    assert_eq!(rig.circuit.snapshot().consecutive_failures, 2);
    rig.send(fail(Kind::Overloaded)).await.unwrap_err();
    assert!(rig.circuit.is_open());
    let reason = Reason::ConsecutiveFailures { failures: 3, kind: Kind::Overloaded };
    assert_eq!(rig.circuit.watch().borrow().reason, reason);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_names_the_circuit_and_the_time_until_the_next_probe() {
    let rig = rig(policy());
    rig.trip().await;
    tokio::time::advance(4 * SECOND).await;
    let error = rig.send(Step::Answer).await.unwrap_err();
    let error = find(&error).unwrap();
    assert_eq!((error.kind(), error.retry_after()), (Kind::Rejected, Some(6 * SECOND)));
    let open: &Open = std::error::Error::source(error).unwrap().downcast_ref().unwrap();
    assert_eq!(open.remaining(), Some(6 * SECOND));
    assert_eq!(open.to_string(), "circuit is open: the next probe may pass in 6.000 s");
    assert_eq!(rig.circuit.snapshot().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_says_the_circuits_name() {
    for name in [None, Some("openai")] {
        let rig = rig(policy());
        let service = match name {
            Some(name) => BreakerLayer::new(policy()).unwrap().name(name),
            None => BreakerLayer::new(policy()).unwrap(),
        };
        service.handle().force_open();
        let error = service.layer(rig.target).oneshot(support::Request::new(Step::Answer)).await.unwrap_err();
        let open: &Open = std::error::Error::source(find(&error).unwrap()).unwrap().downcast_ref().unwrap();
        assert_eq!(open.name(), name);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_targets_fault_neither_counts_nor_resets_the_count() {
    let rig = rig(policy());
    rig.send(fail(Kind::Server)).await.unwrap_err();
    rig.send(fail(Kind::Server)).await.unwrap_err();
    for kind in Kind::ALL.into_iter().filter(|kind| !kind.trips()) {
        rig.send(fail(kind)).await.unwrap_err();
        assert_eq!(rig.circuit.snapshot().consecutive_failures, 2, "{kind}");
    }
    rig.send(fail(Kind::Server)).await.unwrap_err();
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_429_never_opens_it_however_many_there_are() {
    let rig = rig(Policy { failure_rate: Some(Rate { share: 0.1, minimum: 1 }), ..policy() });
    for _ in 0..1_000 {
        rig.send(fail(Kind::RateLimited)).await.unwrap_err();
    }
    assert_eq!(rig.circuit.state(), State::Closed);
    assert_eq!(rig.circuit.snapshot().calls, 0);
}

#[tokio::test(start_paused = true)]
async fn the_policy_can_say_which_kinds_count() {
    let rig = rig(Policy { counts: |kind| kind == Kind::Auth, ..policy() });
    for _ in 0..3 {
        rig.send(fail(Kind::Server)).await.unwrap_err();
    }
    assert_eq!(rig.circuit.state(), State::Closed);
    for _ in 0..3 {
        rig.send(fail(Kind::Auth)).await.unwrap_err();
    }
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_exact_and_needs_its_minimum() {
    let rig = rig(by_rate(0.55, 100));
    for n in 0..99 {
        let step = if n % 20 < 9 { Step::Answer } else { fail(Kind::Server) };
        let _ = rig.send(step).await;
    }
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.calls, snapshot.failures, snapshot.state), (99, 54, State::Closed));
    rig.send(fail(Kind::Server)).await.unwrap_err();
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::FailureRate { failed: 55, total: 100 });
}

#[tokio::test(start_paused = true)]
async fn a_long_healthy_past_does_not_delay_the_opening() {
    let rig = rig(by_rate(0.5, 10));
    for _ in 0..100_000 {
        rig.send(Step::Answer).await.unwrap();
    }
    tokio::time::advance(31 * SECOND).await;
    for _ in 0..9 {
        rig.send(fail(Kind::Server)).await.unwrap_err();
    }
    assert_eq!(rig.circuit.state(), State::Closed);
    rig.send(fail(Kind::Server)).await.unwrap_err();
    assert!(rig.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_success_after_a_failure_counts_in_the_rate_too() {
    let rate = Rate { share: 0.6, minimum: 3 };
    let rig = rig(Policy { consecutive_failures: Some(10), failure_rate: Some(rate), ..policy() });
    for step in [fail(Kind::Server), Step::Answer, fail(Kind::Server)] {
        assert_eq!(rig.circuit.state(), State::Closed);
        let _ = rig.send(step).await;
    }
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::FailureRate { failed: 2, total: 3 });
}

#[tokio::test(start_paused = true)]
async fn only_a_closed_circuit_with_a_rate_counts_calls() {
    let rig = rig(policy());
    rig.send(Step::Answer).await.unwrap();
    rig.send(fail(Kind::Server)).await.unwrap_err();
    assert_eq!(rig.circuit.snapshot().calls, 0, "nobody asked for a rate");

    let rate = Some(Rate { share: 0.5, minimum: 100 });
    let rig = support::rig(Policy { failure_rate: rate, ..policy() }).recovering().await;
    rig.send(Step::Answer).await.unwrap();
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.calls), (State::HalfOpen, 0), "a probe is none of them");
}

#[tokio::test(start_paused = true)]
async fn the_window_slides_bucket_by_bucket() {
    let rig = rig(by_rate(1.0, 10));
    for _ in 0..9 {
        rig.send(fail(Kind::Server)).await.unwrap_err();
        tokio::time::advance(3 * SECOND).await;
    }
    assert_eq!(rig.circuit.snapshot().failures, 9);
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(rig.circuit.snapshot().failures, 8, "the first bucket has left");
    tokio::time::advance(30 * SECOND).await;
    assert_eq!(rig.circuit.snapshot().failures, 0);
}

#[tokio::test(start_paused = true)]
async fn a_recovery_starts_with_an_empty_window() {
    let rig = rig(Policy { probes: 1, ..by_rate(0.5, 10) });
    for _ in 0..10 {
        rig.send(fail(Kind::Server)).await.unwrap_err();
    }
    tokio::time::advance(10 * SECOND).await;
    rig.send(Step::Answer).await.unwrap();
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.state, snapshot.calls), (State::Closed, 0));
    for _ in 0..9 {
        rig.send(fail(Kind::Server)).await.unwrap_err();
    }
    assert_eq!(rig.circuit.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_first_content_slower_than_a_fixed_limit_is_slow_as_soon_as_it_arrives() {
    let rig = rig(by_slowness(SlowerThan::Fixed(2 * SECOND)));
    let mut streams = Vec::new();
    for n in 0..10 {
        assert_eq!(rig.circuit.state(), State::Closed, "{n}");
        let first_content = if n % 2 == 0 { 2 * SECOND } else { 2 * SECOND + MS };
        streams.push(rig.send(Step::Stream { first_content }).await.unwrap());
    }
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::SlowRate { slow: 5, total: 10 });
    drop(streams);
}

#[tokio::test(start_paused = true)]
async fn a_brownout_opens_it_by_the_learnt_baseline() {
    let rig = rig(by_slowness(SlowerThan::Baseline(5.0)));
    let at_once = async |calls, time| {
        let calls: Vec<_> = std::iter::repeat_n(Step::AnswerAfter(time), calls).collect();
        let mut tasks = Vec::new();
        for step in calls {
            tasks.push(rig.spawn(step).await);
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        tokio::time::advance(40 * SECOND).await;
    };
    at_once(100, 500 * MS).await;
    assert_eq!(rig.circuit.snapshot().baseline, Some(500 * MS));
    at_once(9, 5 * SECOND).await;
    assert_eq!(rig.circuit.state(), State::Closed, "nine say nothing");
    at_once(20, 2_400 * MS).await;
    assert_eq!(rig.circuit.state(), State::Closed, "not five times the usual");
    rig.circuit.reset();
    at_once(100, 500 * MS).await;
    at_once(10, 5 * SECOND).await;
    assert_eq!(rig.circuit.watch().borrow().reason, Reason::SlowRate { slow: 10, total: 10 });
}

#[tokio::test(start_paused = true)]
async fn a_failure_without_content_is_no_time_to_first_content() {
    let rig = rig(by_slowness(SlowerThan::Fixed(SECOND)));
    for _ in 0..20 {
        rig.send(Step::FailAfter(2 * SECOND, Kind::Server)).await.unwrap_err();
    }
    let snapshot = rig.circuit.snapshot();
    assert_eq!((snapshot.timed, snapshot.state), (0, State::Closed));
}

#[tokio::test(start_paused = true)]
async fn before_it_knows_what_is_usual_nothing_is_slow_and_nothing_fast() {
    let rig = rig(by_slowness(SlowerThan::Baseline(5.0)));
    for _ in 0..10 {
        rig.send(Step::AnswerAfter(SECOND)).await.unwrap();
    }
    assert_eq!(rig.circuit.snapshot().timed, 0);
    rig.send(Step::AnswerAfter(SECOND)).await.unwrap();
    assert_eq!(rig.circuit.snapshot().timed, 1);
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_never_slow() {
    let rig = rig(by_slowness(SlowerThan::Fixed(SECOND)));
    for _ in 0..50 {
        let mut request = support::Request::new(Step::AnswerAfter(20 * SECOND));
        let call = buttress_call::Call::get_or_insert(request.extensions_mut());
        call.set_shape(std::sync::Arc::default());
        rig.start(request).await.await.unwrap();
    }
    assert_eq!(rig.circuit.snapshot().timed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_hint_extends_the_open_time_and_never_shortens_it() {
    for (hint, expected) in [(3, 10), (25, 25), (86_400, 300)] {
        let rig = rig(Policy { consecutive_failures: Some(1), ..policy() });
        let failure = Failure::new(Kind::Overloaded).with_retry_after(Some(Duration::from_secs(hint)));
        rig.send(Step::Fail(failure)).await.unwrap_err();
        tokio::time::advance(Duration::from_millis(1_000 * expected - 1)).await;
        assert!(rejected(&rig.send(Step::Answer).await), "hint {hint}");
        tokio::time::advance(MS).await;
        rig.send(Step::Answer).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_open_time_is_jittered_doubles_with_each_failed_probe_and_starts_over_after_a_recovery() {
    let open = OpenFor::Backoff { min: 5 * SECOND, max: 60 * SECOND };
    let rig = rig(Policy { consecutive_failures: Some(1), probes: 1, open, ..policy() });
    let mut times = Vec::new();
    for round in 0..2 {
        for t in [5, 10, 20, 40, 60, 60] {
            rig.send(fail(Kind::Server)).await.unwrap_err();
            let State::Open { until } = rig.circuit.state() else { panic!("not open") };
            let time = until - tokio::time::Instant::now();
            let t = Duration::from_secs(t);
            assert!(t / 2 <= time && time <= t, "{time:?} is not between {:?} and {t:?}", t / 2);
            times.push((round, time));
            tokio::time::sleep_until(until).await;
        }
        rig.send(Step::Answer).await.unwrap();
        assert_eq!(rig.circuit.state(), State::Closed);
    }
    let (first, second): (Vec<_>, Vec<_>) = times.into_iter().partition(|(round, _)| *round == 0);
    assert!(first.iter().zip(&second).any(|(a, b)| a.1 != b.1), "jitter differs from time to time");
}

#[tokio::test(start_paused = true)]
async fn circuits_of_one_seed_stay_open_for_the_same_times() {
    let open = OpenFor::Backoff { min: 5_000 * SECOND, max: 5_000 * SECOND };
    let until = async |seed| {
        let circuit = BreakerLayer::new(Policy { consecutive_failures: Some(1), open, ..policy() }).unwrap();
        let circuit = circuit.seed(seed);
        let call =
            circuit.layer(support::Target::default()).oneshot(support::Request::new(fail(Kind::Server)));
        call.await.unwrap_err();
        circuit.handle().state()
    };
    assert_eq!(until(1).await, until(1).await);
    assert_ne!(until(1).await, until(2).await);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_fails_to_become_ready_opens_it() {
    let rig = rig(policy());
    rig.target.seen.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..3 {
        let error = rig.service.clone().ready().await.map(|_| ()).unwrap_err();
        assert_eq!(find(&error).unwrap().kind(), Kind::Connect);
    }
    assert!(rig.circuit.is_open());
    assert!(rejected(&rig.send(Step::Answer).await));
}

#[tokio::test(start_paused = true)]
async fn the_failure_that_opens_it_tells_the_attempt_until_when() {
    let rig = rig(Policy { consecutive_failures: Some(2), ..policy() });
    let attempt = async || {
        let mut request = support::Request::new(fail(Kind::Server));
        let call = buttress_call::Call::get_or_insert(request.extensions_mut());
        let progress = call.ensure_progress().clone();
        rig.start(request).await.await.unwrap_err();
        progress.closed_until()
    };
    assert_eq!(attempt().await, None);
    let opens_again = tokio::time::Instant::now() + 10 * SECOND;
    assert_eq!(attempt().await, Some(opens_again));
}

#[tokio::test(start_paused = true)]
async fn the_error_that_opens_it_says_until_when() {
    let rig = rig(Policy { consecutive_failures: Some(2), ..policy() });
    let opens_again = tokio::time::Instant::now() + 10 * SECOND;
    for expected in [None, Some(opens_again)] {
        let error = rig.send(fail(Kind::Server)).await.unwrap_err();
        assert_eq!(find(&error).unwrap().closed_until(), expected);
    }
}
