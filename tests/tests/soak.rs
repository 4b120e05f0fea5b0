//! The whole stack on the real runtime and on real sockets, with everything going wrong at random, for as long as one
//! wishes: `BUTTRESS_SOAK_SECONDS=600 cargo test --release -p buttress-tests --test soak -- --nocapture`.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "soak/caller.rs"]
mod caller;
#[path = "soak/cut.rs"]
mod cut;
#[path = "soak/trouble.rs"]
mod trouble;

use std::{sync::Arc, time::Duration};

use buttress_breaker::OpenFor;
use buttress_call::BoxError;
use buttress_provider::{Provider, ProviderLayer};
use buttress_retry::{Backoff, Retries};
use buttress_sim::{Ending, Latency, Model, Server, Sim, Wire as Dialect};
use buttress_telemetry::{Snapshot, Telemetry};
use buttress_tests::{
    stack::{NAMES, Numbers, Stack},
    subject::Hook,
};
use buttress_timeout::Timeouts;
use caller::{Tally, ask};
use cut::{Door, Wire};
use tokio::time::{Instant, sleep, timeout};

const MS: Duration = Duration::from_millis(1);
const CALLERS: u64 = 32;
const TOKENS: u64 = 8;
/// Where no attempt is to fail by it: a machine that pauses does not bring it about.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the trouble lasts. A few seconds in every run of the tests, minutes before a release.
fn lasts() -> Duration {
    let seconds = std::env::var("BUTTRESS_SOAK_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(3))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_any_amount_of_trouble_every_counter_adds_up_and_nothing_is_held() {
    let chaos = Chaos::start(200 * MS).await;
    let Chaos { sims, doors, stack, tally, .. } = &chaos;
    let until = Instant::now() + lasts();
    let calls = |seed| tokio::spawn(caller::calls(stack.clone(), tally.clone(), seed, until));
    let callers: Vec<_> = (0..CALLERS).map(calls).collect();
    trouble::makes(stack, sims, doors, until).await;
    for caller in callers {
        caller.await.unwrap();
    }
    chaos.is_quiet().await;
    let admitted: u64 = stack.limits.iter().map(|limit| limit.snapshot().admitted).sum();
    println!("{tally:?}, {admitted} admitted, {:?}", stack.hedge.snapshot());
    assert_eq!((stack.held(), tally.open()), (0, 0));
    tally.adds_up();
    chaos.telemetry_adds_up();

    // It serves again, as soon as a target's last cooldown is over.
    let served = async {
        while chaos.call().await.is_err() {
            sleep(10 * MS).await;
        }
    };
    timeout(Duration::from_secs(10), served).await.unwrap();
    chaos.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partitioned_provider_costs_no_call_and_is_asked_again_once_it_heals() {
    let chaos = Chaos::start(PATIENCE).await;
    for _ in 0..10 {
        chaos.call().await.unwrap();
    }
    assert_eq!(chaos.asked_first(), 10);

    chaos.doors[0].is(Wire::Partitioned);
    for _ in 0..20 {
        chaos.call().await.unwrap();
    }
    // Every connection was accepted, and nothing came through.
    assert_eq!(chaos.asked_first(), 10);

    chaos.doors[0].is(Wire::Whole);
    let healed = async {
        let answered = || chaos.sims[0].log().iter().filter(|seen| seen.end == Ending::Answered).count();
        let before = answered();
        while answered() < before + 5 {
            chaos.call().await.unwrap();
            sleep(5 * MS).await;
        }
    };
    timeout(Duration::from_secs(20), healed).await.unwrap();
    chaos.is_quiet().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_reset_half_way_is_never_taken_for_a_whole_answer() {
    let chaos = Chaos::start(PATIENCE).await;
    let (mut whole, mut broken) = (0, 0);
    for bytes in (0..3_000).step_by(20) {
        chaos.doors[0].is(Wire::ResetAfter(bytes));
        // Before the first content the other target answers; after it the caller hears of the break.
        match chaos.call().await {
            Ok(()) => whole += 1,
            Err(_) => broken += 1,
        }
    }
    assert!(whole > 10 && broken > 10, "{whole} whole, {broken} broken");
    chaos.doors[0].is(Wire::Whole);
    chaos.is_quiet().await;
}

/// Two providers, each behind a wire of its own.
struct Chaos {
    sims: [Sim; 2],
    doors: [Door; 2],
    stack: Stack,
    tally: Arc<Tally>,
    telemetry: Telemetry,
    _servers: [Server; 2],
}

impl Chaos {
    /// So long an attempt waits for its first content, and for the next.
    async fn start(patience: Duration) -> Self {
        let sims = NAMES.map(sim);
        let servers = [sims[0].serve().await.unwrap(), sims[1].serve().await.unwrap()];
        let [a, b] = servers.each_ref().map(Server::local_addr);
        let doors = [Door::to(a).await.unwrap(), Door::to(b).await.unwrap()];
        let telemetry = Telemetry::default();
        let stack = stack(&doors, &telemetry, patience);
        let tally = Arc::new(Tally::new(sims.each_ref().map(|sim| sim.expected_text(TOKENS))));
        Chaos { sims, doors, stack, tally, telemetry, _servers: servers }
    }

    async fn call(&self) -> Result<(), BoxError> {
        caller::once(&self.stack.client(), &self.tally, ask(), Duration::from_secs(5)).await
    }

    /// Calls that have come to the first provider. The second may have been asked too, by a hedge.
    fn asked_first(&self) -> usize {
        self.sims[0].log().len()
    }

    /// What the callers counted is what telemetry counted, and each attempt and each token is accounted for once.
    fn telemetry_adds_up(&self) {
        let Snapshot { calls, total, .. } = self.telemetry.snapshot();
        assert_eq!((calls.started, calls.running), (self.tally.started(), 0));
        assert_eq!(calls.started, calls.ok + calls.failed + calls.cancelled);
        let attempts = total.attempts;
        assert_eq!(attempts.started(), attempts.ok + attempts.failed + attempts.cancelled);
        let tokens = total.tokens;
        assert_eq!(tokens.billed.total(), tokens.useful.total() + tokens.wasted.total());
    }

    /// What was given up is told to the other side by a socket that closes.
    async fn is_quiet(&self) {
        let in_flight = || self.sims.iter().map(Sim::in_flight).sum::<usize>();
        let quiet = async {
            while self.stack.held() > 0 || self.tally.open() > 0 || in_flight() > 0 {
                sleep(5 * MS).await;
            }
        };
        let end = timeout(Duration::from_secs(10), quiet).await;
        assert!(
            end.is_ok(),
            "held {}, open {}, in flight {}",
            self.stack.held(),
            self.tally.open(),
            in_flight()
        );
    }
}

fn sim(name: &str) -> Sim {
    let model = Model::new(Dialect::OpenAi)
        .first_token(Latency::Fixed(4 * MS))
        .per_token(Latency::Fixed(MS))
        .output_tokens(TOKENS);
    Sim::new(name, model).unwrap()
}

/// Close limits, so that each layer has something to do.
fn stack(doors: &[Door; 2], telemetry: &Telemetry, patience: Duration) -> Stack {
    let mut numbers = Numbers {
        total: 10 * patience,
        hedge: buttress_hedge::Policy { budget: 0.5, ..buttress_hedge::Policy::after(40 * MS) },
        retries: Retries {
            backoff: Backoff { base: 10 * MS, cap: 50 * MS, ..Backoff::default() },
            ..Retries::default()
        },
        attempt: Timeouts {
            first_content: Some(patience.into()),
            idle: Some(patience),
            ..Timeouts::attempt()
        },
        ..Numbers::default()
    };
    numbers.telemetry = Some(telemetry.clone());
    numbers.limit = trouble::roomy();
    numbers.breaker.open = OpenFor::Fixed(50 * MS);
    let provider =
        ProviderLayer::new(Provider::compatible("soak", "http://sim.test").api_key("sk-test")).unwrap();
    Stack::new(&numbers, &provider, &Hook::default(), doors.each_ref().map(Door::client))
}
