//! One provider of two is out for a minute, behind the breakers that people use.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use buttress_breaker::{BreakerHandle, BreakerLayer, OpenFor, Policy, State};
use buttress_failover::{Failover, Target};
use buttress_provider::BufferLayer;
use buttress_sim::{Ending, Fault, Rule, Seen, Sim};
use buttress_tests::{
    fleet::{ask, client, provider, quick},
    journey::{Client, Journey, erase},
    probe::Request,
};
use buttress_timeout::{TimeoutLayer, Timeouts};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tower::ServiceBuilder;

const SECOND: Duration = Duration::from_secs(1);
/// Between calls.
const PACE: Duration = Duration::from_secs(4);
/// Between probes; up to a tenth more.
const EVERY: Duration = Duration::from_secs(2);
const DOWN: Duration = Duration::from_secs(20);
const UP: Duration = Duration::from_secs(80);
/// The longest that [`Timeouts::attempt`] waits for it.
const FIRST_CONTENT: Duration = Duration::from_secs(10);
const END: Duration = Duration::from_secs(180);

struct Scene {
    fault: Fault,
    /// When the first call starts: the others' places in the outage follow from it.
    phase: Duration,
    open: Duration,
    active: bool,
    seed: u64,
}

/// What became of it, in times since the beginning.
struct Outcome {
    calls: Vec<Duration>,
    /// What `a` saw, without probes and with nothing else.
    of_a: Vec<Seen>,
    probes: Vec<Duration>,
    /// When the circuit of `a` opened, and when it closed.
    opened: Vec<Duration>,
    closed: Vec<Duration>,
}

/// Each target has the stack of the guide, failover knows its breaker.
fn target(name: &'static str, sim: &Sim, open: Duration) -> (Target<Client>, BreakerHandle) {
    let policy = Policy { open: OpenFor::Fixed(open), ..Policy::default() };
    let breaker = BreakerLayer::new(policy).unwrap();
    let handle = breaker.handle();
    let stack = ServiceBuilder::new()
        .layer(breaker)
        .layer(TimeoutLayer::new(Timeouts::attempt()).unwrap())
        .layer(provider())
        .service(sim.service());
    let (gate, circuit) = (handle.clone(), handle.clone());
    let target = Target::new(name, erase(stack));
    (target.gate(move || !gate.is_open()).reopen(move || circuit.reset()), handle)
}

fn models() -> Request {
    http::Request::get("/v1/models").body(http_body_util::Full::default()).unwrap()
}

/// The times at which a circuit goes to this state.
fn times(circuit: &BreakerHandle, start: Instant) -> Arc<Mutex<Vec<(State, Duration)>>> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (mut changes, log) = (circuit.watch(), seen.clone());
    tokio::spawn(async move {
        while changes.changed().await.is_ok() {
            let change = *changes.borrow_and_update();
            log.lock().unwrap().push((change.to, change.at - start));
        }
    });
    seen
}

impl Scene {
    async fn play(&self) -> Outcome {
        let start = Instant::now();
        let [a, b] = ["a", "b"].map(quick);
        a.inject(Rule::always(self.fault.clone()).between(DOWN, UP)).unwrap();
        let (first, circuit) = target("a", &a, self.open);
        let (second, _) = target("b", &b, self.open);
        let changes = times(&circuit, start);
        let fleet = Failover::new([first, second]).unwrap().seed(self.seed);
        if self.active {
            let prober = fleet.prober(EVERY, |_| models()).unwrap();
            tokio::spawn(prober.through("a", client(&a), models));
        }
        let stack = erase(ServiceBuilder::new().layer(BufferLayer::default()).service(fleet));

        let (mut calls, mut running) = (Vec::new(), JoinSet::new());
        let mut at = self.phase;
        while at < END {
            sleep_until(start + at).await;
            running.spawn(Journey::new(stack.clone(), ask(&format!("call-{}", calls.len()))).run());
            calls.push(at);
            at += PACE;
        }
        while let Some(ended) = running.join_next().await {
            ended.unwrap().expect("every call is served");
        }

        let (probes, of_a): (Vec<_>, Vec<_>) =
            a.log().into_iter().partition(|seen| seen.target.starts_with("GET"));
        assert_eq!(of_a.len() + b.log().len() - of_a.iter().filter(|seen| failed(seen)).count(), calls.len());
        let changes = changes.lock().unwrap();
        let to = |state: fn(&State) -> bool| {
            changes.iter().filter(|(to, _)| state(to)).map(|(_, at)| *at).collect()
        };
        Outcome {
            calls,
            of_a,
            probes: probes.iter().map(|seen| seen.at).collect(),
            opened: to(|to| matches!(to, State::Open { .. })),
            closed: to(|to| *to == State::Closed),
        }
    }
}

fn failed(seen: &Seen) -> bool {
    seen.end != Ending::Answered
}

impl Outcome {
    /// Whether this call was answered by `a`.
    fn served_by_a(&self, number: usize) -> bool {
        let model = format!("call-{number}");
        self.of_a.iter().any(|seen| seen.model == model && !failed(seen))
    }

    /// The first call from `since` on goes to `a`, as do all later ones.
    fn is_back_from(&self, since: Duration) {
        let later: Vec<_> = (0..self.calls.len()).filter(|number| self.calls[*number] >= since).collect();
        assert!(later.len() > 5);
        for number in later {
            assert!(self.served_by_a(number), "the call at {:?}", self.calls[number]);
        }
    }
}

fn outages() -> [Fault; 3] {
    [Fault::Refuse, Fault::ConnectRefused, Fault::BlackHole]
}

#[tokio::test(start_paused = true)]
async fn with_active_probes_an_outage_costs_no_call_and_ends_within_their_interval() {
    for fault in outages() {
        // The last phase has a call that starts 2.5 s after the return.
        for (seed, phase) in [(1, 100), (2, 1300), (3, 2500), (4, 2500), (5, 2500)] {
            let phase = Duration::from_millis(phase);
            let scene = Scene { fault: fault.clone(), phase, open: 60 * SECOND, active: true, seed };
            let saw = scene.play().await;

            let [opened] = saw.opened[..] else { panic!("{:?}", saw.opened) };
            let [closed] = saw.closed[..] else { panic!("{:?}", saw.closed) };
            assert!(opened > DOWN && opened < DOWN + 35 * SECOND, "{opened:?}");
            assert!(closed >= UP && closed <= UP + Duration::from_millis(2500), "{closed:?}");
            let meanwhile = saw.of_a.iter().filter(|seen| seen.at > opened && seen.at < closed).count();
            assert_eq!(meanwhile, 0, "{fault:?}: no call, once open");

            assert!(saw.probes.iter().all(|at| *at > opened && *at <= closed), "{:?}", saw.probes);
            assert!(saw.probes.windows(2).all(|two| two[1] >= two[0] + EVERY), "{:?}", saw.probes);
            let least = UP.saturating_sub(opened).as_secs() as usize * 10 / 22;
            assert!(saw.probes.len() >= least, "{} probes, and not {least}", saw.probes.len());

            saw.is_back_from(UP + Duration::from_millis(2500));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn with_passive_health_alone_an_outage_ends_within_one_open_time_of_the_return() {
    for fault in outages() {
        for (open, phase) in [(60, 100), (60, 2500), (10, 100), (10, 2500)] {
            let (open, phase) = (open * SECOND, Duration::from_millis(phase));
            let scene = Scene { fault: fault.clone(), phase, open, active: false, seed: 1 };
            let saw = scene.play().await;
            assert!(saw.probes.is_empty() && !saw.opened.is_empty());
            // A call that was sent into a black hole before the return fails after it, and opens the circuit then.
            let late = if fault == Fault::BlackHole { FIRST_CONTENT } else { Duration::ZERO };
            saw.is_back_from(UP + open + late);
        }
    }
}
