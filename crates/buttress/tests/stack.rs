//! Stacks made of policies do what the numbers say.

#![cfg(feature = "full")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::time::Duration;

use buttress::{
    Kind, Policies, Stack,
    breaker::{self, State},
    failover::FailoverHandle,
    hedge, limit, presets,
    retry::Retries,
    stack::{Target, list_models},
};
use buttress_sim::{Ending, Fault, Rule, Sim};
use support::{SECOND, broken, call, failure, provider, request, sim};
use tokio::time::Instant;
use tower::ServiceExt;

type Preset = (fn() -> Policies, u8, [Duration; 3]);

/// Retries; the first wait, the longest, the time-out.
const PRESETS: [Preset; 3] = [
    (
        presets::high_throughput,
        5,
        [Duration::from_millis(500), Duration::from_secs(30), Duration::from_secs(60)],
    ),
    (presets::interactive, 2, [SECOND, Duration::from_secs(10), Duration::from_secs(15)]),
    (presets::batch, 10, [Duration::from_secs(2), Duration::from_secs(120), Duration::from_secs(300)]),
];

fn alone(policies: &Policies, sim: &Sim) -> Stack {
    policies.target("alone", provider("alone"), sim.service()).unwrap()
}

fn pair(policies: &Policies, [a, b]: [&Sim; 2]) -> Stack {
    let target = |name, sim: &Sim| Target::new(name, provider(name), sim.service(), policies).unwrap();
    policies.stack([target("a", a), target("b", b)]).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_preset_gives_up_a_black_hole_at_its_time_out_and_does_not_ask_it_again() {
    for (preset, _, [.., time_out]) in PRESETS {
        for stream in [true, false] {
            let sim = broken("hole", Fault::BlackHole);
            let stack = alone(&preset(), &sim);
            let began = Instant::now();
            let (error, kind) = failure(&stack, stream).await;
            assert_eq!(kind, Kind::Timeout, "{error}");
            assert_eq!(began.elapsed(), time_out, "stream: {stream}");
            assert_eq!(sim.log().len(), 1);
            assert_eq!(sim.in_flight(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_preset_makes_as_many_retries_as_it_says_and_waits_no_longer_than_it_says() {
    for (preset, retries, [base, longest, _]) in PRESETS {
        let sim = broken("down", Fault::Status(500));
        let (_, kind) = failure(&alone(&preset(), &sim), true).await;
        assert_eq!(kind, Kind::Server);
        let log = sim.log();
        assert_eq!(log.len(), usize::from(retries) + 1);
        for (n, two) in log.windows(2).enumerate() {
            let most = base.saturating_mul(1 << n).min(longest);
            let wait = two[1].at.checked_sub(two[0].ended_at.unwrap()).unwrap();
            assert!(wait <= most + Duration::from_millis(2), "wait {n}: {wait:?}, at most {most:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_waits_of_a_preset_reach_up_to_the_longest() {
    // Full jitter: of many waits some come near the top.
    let longest = |preset: fn() -> Policies, n: usize| async move {
        let mut seen = Duration::ZERO;
        for _ in 0..100 {
            let sim = broken("down", Fault::Status(500));
            failure(&alone(&preset(), &sim), true).await;
            let log = sim.log();
            seen = seen.max(log[n + 1].at.checked_sub(log[n].ended_at.unwrap()).unwrap());
        }
        seen
    };
    assert!(longest(presets::interactive, 1).await > Duration::from_millis(1_700));
    assert!(longest(presets::high_throughput, 4).await > Duration::from_millis(6_800));
    assert!(longest(presets::batch, 9).await > Duration::from_secs(102));
}

#[tokio::test(start_paused = true)]
async fn a_hint_is_waited_for_up_to_the_longest_wait_of_the_preset() {
    for (preset, _, [_, longest, _]) in PRESETS {
        for (hint, waits) in [(longest, true), (longest + SECOND, false)] {
            let sim = sim("busy");
            let busy = Fault::RateLimit { retry_after: Some(hint) };
            sim.inject(Rule::always(busy).calls(0..1)).unwrap();
            let began = Instant::now();
            let answer = call(&alone(&preset(), &sim), true).await;
            assert_eq!(answer.is_ok(), waits, "{hint:?}");
            assert_eq!(began.elapsed() >= hint, waits);
        }
    }
}

/// How many of 2,000 calls, ten a second, one target answers that fails three in ten; and how often its circuit opened.
async fn shaky(policies: Policies) -> (usize, u64) {
    let sim = sim("shaky");
    sim.inject(Rule::always(Fault::Status(500)).share(0.3)).unwrap();
    let stack = alone(&policies, &sim);
    let calls = (0..2_000).map(|n| {
        let stack = stack.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(100) * n).await;
            call(&stack, true).await.is_ok()
        }
    });
    let answers = futures_util::future::join_all(calls).await;
    let breaker = &stack.handles().target("alone").unwrap().breaker;
    let opened = breaker.as_ref().map_or(0, |breaker| breaker.snapshot().opened);
    (answers.into_iter().filter(|answered| *answered).count(), opened)
}

#[tokio::test(start_paused = true)]
async fn with_one_target_and_three_errors_in_ten_a_preset_does_what_its_retries_alone_do() {
    // Of its retries 0.3 to the power of 6, 3 and 11 fail.
    for ((preset, ..), least) in PRESETS.into_iter().zip([1_990, 1_900, 1_998]) {
        let (answered, opened) = shaky(preset()).await;
        assert_eq!(opened, 0);
        assert!(answered >= least, "{answered}, not {least} of 2,000");
    }
    // A breaker that opens after five in a row, as many have, turns those errors into outages.
    let default = Policies { breaker: Policies::default().breaker, ..presets::high_throughput() };
    let (answered, opened) = shaky(default).await;
    assert!(opened > 0 && answered < 1_500, "{answered} of 2,000; opened {opened} times");
}

#[tokio::test(start_paused = true)]
async fn twenty_failures_in_a_row_open_the_circuit_of_the_two_presets_that_have_one() {
    for preset in [presets::high_throughput, presets::batch] {
        let sim = broken("down", Fault::Status(500));
        let once = Retries { attempts: 1, ..Retries::default() };
        let stack = alone(&Policies { retries: once, ..preset() }, &sim);
        let breaker = stack.handles().target("alone").unwrap().breaker.clone().unwrap();
        for _ in 0..20 {
            assert!(!breaker.is_open());
            failure(&stack, true).await;
        }
        let (_, kind) = failure(&stack, true).await;
        assert_eq!((kind, sim.log().len()), (Kind::Rejected, 20));
        // 5 s doubling, equal jitter.
        tokio::time::advance(5 * SECOND).await;
        assert!(!breaker.is_open());
    }
    let stack = alone(&presets::interactive(), &sim("well"));
    assert!(stack.handles().target("alone").unwrap().breaker.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_open_target_is_passed_over_and_a_good_probe_brings_it_back() {
    let [a, b] = [broken("a", Fault::Status(500)), sim("b")];
    let policies = presets::high_throughput();
    let stack = pair(&policies, [&a, &b]);
    for _ in 0..30 {
        assert_eq!(call(&stack, true).await.unwrap(), "b");
    }
    let breaker = stack.handles().target("a").unwrap().breaker.clone().unwrap();
    assert!(matches!(breaker.state(), State::Open { .. }));
    let asked = a.log().len();
    assert_eq!(call(&stack, true).await.unwrap(), "b");
    assert_eq!(a.log().len(), asked, "it is left alone");

    breaker.force_open(); // for longer than any probe takes
    a.clear();
    let prober = tokio::spawn(stack.prober(SECOND, list_models).unwrap());
    tokio::time::sleep(2 * SECOND).await;
    assert_eq!(breaker.state(), State::Closed);
    assert_eq!(a.log().last().unwrap().target, "GET /v1/models");
    assert_eq!(call(&stack, true).await.unwrap(), "a");
    prober.abort();
}

#[tokio::test(start_paused = true)]
async fn a_call_goes_on_to_the_next_target_after_one_retry() {
    let [a, b] = [broken("a", Fault::Status(500)), sim("b")];
    let stack = pair(&presets::batch(), [&a, &b]);
    assert_eq!(call(&stack, true).await.unwrap(), "b");
    assert_eq!((a.log().len(), b.log().len()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_after_a_200_is_the_next_targets_chance() {
    let [a, b] = [broken("a", Fault::ErrorEvent { after: 0 }), sim("b")];
    assert_eq!(call(&pair(&presets::interactive(), [&a, &b]), true).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn what_stands_in_two_stacks_is_one_target() {
    let sim = broken("down", Fault::Status(500));
    let policies = Policies { retries: Retries { attempts: 1, ..Retries::default() }, ..Policies::default() };
    let target = Target::new("a", provider("a"), sim.service(), &policies).unwrap();
    let [one, two] = [policies.stack([target.clone()]).unwrap(), policies.stack([target]).unwrap()];
    for _ in 0..5 {
        failure(&one, true).await;
    }
    assert_eq!(failure(&two, true).await.1, Kind::Rejected);
    assert_eq!(sim.log().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_goes_to_the_other_target() {
    let [a, b] = [broken("a", Fault::SlowFirstToken(60 * SECOND)), sim("b")];
    let policies =
        Policies { hedge: Some(hedge::Policy::after(2 * SECOND)), total: None, ..presets::batch() };
    let stack = pair(&policies, [&a, &b]);
    assert_eq!(call(&stack, true).await.unwrap(), "b");
    assert_eq!(stack.handles().hedge.as_ref().unwrap().snapshot().won, 1);
    assert_eq!(a.log()[0].end, Ending::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn the_total_bounds_waits_and_attempts_together() {
    let sim = broken("down", Fault::Status(500));
    let policies = Policies { total: Some(6 * SECOND), ..presets::batch() };
    let began = Instant::now();
    failure(&alone(&policies, &sim), false).await;
    assert!(began.elapsed() <= 6 * SECOND, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_given_up_at_the_provider() {
    let sim = sim("slow");
    let stack = alone(&presets::interactive(), &sim);
    let answer = tokio::time::timeout(Duration::from_millis(50), stack.clone().oneshot(request(true))).await;
    assert!(answer.is_err());
    assert_eq!((sim.in_flight(), sim.log()[0].end), (0, Ending::Cancelled));
    // In the middle of the body, too.
    let response = stack.clone().oneshot(request(true)).await.unwrap();
    assert_eq!(sim.in_flight(), 1);
    drop(response);
    assert_eq!((sim.in_flight(), sim.log()[1].end), (0, Ending::Cancelled));
    assert_eq!(stack.failover().handle().snapshot()[0].in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_happens_is_written_down_for_the_call_and_for_each_attempt() {
    let [a, b] = [broken("a", Fault::Status(500)), sim("b")];
    let policies = presets::interactive();
    let stack = pair(&policies, [&a, &b]);
    call(&stack, true).await.unwrap();
    let seen = stack.handles().telemetry.as_ref().unwrap().snapshot();
    assert_eq!((seen.calls.started, seen.calls.ok), (1, 1));
    let attempts =
        |name: &str| seen.targets.iter().find(|target| &*target.name == name).unwrap().work.attempts;
    assert_eq!((attempts("a").first, attempts("a").retries, attempts("a").failed), (1, 1, 2));
    assert_eq!((attempts("b").failovers, attempts("b").ok), (1, 1));
    assert!(seen.total.tokens.useful.output > 0);
    // The record is the policies' own, whatever was made of them.
    call(&alone(&policies, &b), true).await.unwrap();
    assert_eq!(policies.telemetry.snapshot().calls.ok, 2);
    assert_eq!(presets::interactive().telemetry.snapshot().calls.ok, 0);
}

/// Whatever a stack holds for calls: places, tokens, probes' slots, calls in flight or running.
fn held(stack: &Stack) -> u64 {
    let handles = stack.handles();
    let limits = handles.targets.iter().filter_map(|target| target.limit.as_ref()).map(|limit| {
        let seen = limit.snapshot();
        let levels = [seen.requests, seen.tokens].into_iter().flatten();
        levels.map(|level| level.held).sum::<u64>() + (seen.in_flight + seen.waiting) as u64
    });
    let probes = handles.targets.iter().filter_map(|target| target.breaker.as_ref());
    let probes = probes.map(|breaker| u64::from(breaker.snapshot().probes));
    let in_flight = handles.failover.iter().flat_map(FailoverHandle::snapshot);
    let in_flight = in_flight.map(|target| u64::from(target.in_flight));
    let running = handles.telemetry.iter().map(|telemetry| telemetry.snapshot().calls.running);
    limits.chain(probes).chain(in_flight).chain(running).sum()
}

#[tokio::test(start_paused = true)]
async fn after_a_storm_of_calls_that_are_given_up_at_any_moment_nothing_is_held() {
    let [a, b] = [sim("a"), sim("b")];
    for (sim, fault) in [
        (&a, Fault::Status(500)),
        (&a, Fault::BlackHole),
        (&a, Fault::CutAfter { tokens: 2 }),
        (&a, Fault::RateLimit { retry_after: Some(SECOND) }),
        (&b, Fault::ErrorEvent { after: 0 }),
        (&b, Fault::SlowFirstToken(5 * SECOND)),
    ] {
        sim.inject(Rule::always(fault).share(0.15)).unwrap();
    }
    let limit = limit::Policy {
        in_flight: Some(20),
        ramp_up: Duration::ZERO,
        ..limit::Policy::per_minute(6_000, 6_000_000)
    };
    // It opens, and half-opens, many times.
    let breaker = breaker::Policy {
        consecutive_failures: Some(3),
        open: breaker::OpenFor::Fixed(Duration::from_millis(300)),
        max_hint: Duration::ZERO,
        ..breaker::Policy::default()
    };
    let policies = Policies {
        breaker: Some(breaker),
        limit: Some(limit),
        hedge: Some(hedge::Policy::after(SECOND / 2)),
        ..presets::high_throughput()
    };
    let stack = pair(&policies, [&a, &b]);
    let calls = (0..1_200_u32).map(|n| {
        let stack = stack.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(20) * n).await;
            // From 0 to 1.8 s: in a queue, on the way, between attempts, in the middle of a stream.
            let patience = Duration::from_millis(u64::from(n * 7 % 1_800));
            let answer = tokio::time::timeout(patience, call(&stack, n % 3 > 0)).await;
            [answer.is_err(), matches!(answer, Ok(Ok(_))), matches!(answer, Ok(Err(_)))]
        }
    });
    let ends = futures_util::future::join_all(calls).await;
    let [given_up, answered, failed] = [0, 1, 2].map(|which| ends.iter().filter(|end| end[which]).count());
    assert!(given_up > 100 && answered > 100 && failed > 0, "{given_up}, {answered}, {failed}");
    assert_eq!((held(&stack), a.in_flight(), b.in_flight()), (0, 0, 0));
    // Every layer had its part in it.
    let handles = stack.handles();
    let opened = handles.targets.iter().map(|target| target.breaker.as_ref().unwrap().snapshot().opened);
    let waited = handles.targets.iter().map(|target| target.limit.as_ref().unwrap().snapshot().waited);
    assert!(opened.sum::<u64>() > 0 && waited.sum::<u64>() > 0);
    assert!(handles.hedge.as_ref().unwrap().snapshot().sent > 0);
    let seen = policies.telemetry.snapshot();
    assert!(seen.total.attempts.retries > 0 && seen.total.attempts.failovers > 0);
    assert_eq!(seen.calls.started, 1_200);
    assert_eq!(seen.calls.ok + seen.calls.failed + seen.calls.cancelled, 1_200);
}

#[tokio::test(start_paused = true)]
async fn a_request_over_the_limit_is_refused_before_anything_is_sent() {
    let sim = sim("any");
    let policies = Policies { max_request: 10, ..presets::interactive() };
    let (error, kind) = failure(&alone(&policies, &sim), true).await;
    assert_eq!(kind, Kind::Invalid, "{error}");
    assert!(sim.log().is_empty());
}

#[test]
fn what_makes_no_sense_is_refused_with_the_targets_name_the_value_and_the_rule() {
    let sim = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
        Ok::<_, buttress::BoxError>(http::Response::new(http_body_util::Full::new(bytes::Bytes::new())))
    });
    let no_attempts =
        Policies { retries: Retries { attempts: 0, ..Retries::default() }, ..Policies::default() };
    let why =
        |policies: &Policies, provider| policies.target("openai", provider, sim).unwrap_err().to_string();
    let error = why(&no_attempts, provider("p"));
    assert!(error.starts_with(r#"target "openai": retries: attempts = 0: must be at least 1"#), "{error}");
    let error = why(&Policies::default(), provider("p").base_url("nowhere"));
    assert!(error.starts_with(r#"target "openai": provider "p": base URL "nowhere""#), "{error}");
    let zero = Policies { total: Some(Duration::ZERO), ..Policies::default() };
    assert!(why(&zero, provider("p")).contains("`total` is 0s"));
    let none = Policies::default().stack([]).unwrap_err().to_string();
    assert_eq!(none, "failover needs at least one target");
}
