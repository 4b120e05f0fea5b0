//! Thousands of calls through the whole stack, slow, failing, panicking and dropped: the sums hold at every moment, and at
//! the end they are those of the targets and of the callers.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::Duration,
};

use buttress_breaker::OpenFor;
use buttress_call::{Ended, Kind, Outcome};
use buttress_provider::Commit;
use buttress_retry::{Backoff, Retries};
use buttress_telemetry::{Price, Settings, Snapshot, Telemetry};
use buttress_tests::{
    fleet::provider,
    journey::{Journey, Step},
    probe::{Act, Head, Piece, Ready},
    random::Random,
    stack::{NAMES, Numbers, Stack},
    subject::{Bench, request},
};
use tokio::time::advance;

use super::wire::{Wire, metered};

const CALLS: u64 = 1_000;
const AT_ONCE: usize = 16;
const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn in_a_storm_of_cancels_every_sum_holds_at_every_moment() {
    let mut happened = [0; 10];
    for number in 1..=4 {
        // An answer that is held to its end has ended before anybody knows whether the caller gets it.
        let commit = if number % 2 == 0 { Commit::End { max_bytes: 1 << 20 } } else { Commit::STREAM };
        for (sum, more) in happened.iter_mut().zip(Storm::new(number, commit).run().await) {
            *sum += more;
        }
    }
    // All of it has happened, or the rest says little.
    assert!(happened.iter().all(|n| *n > 10), "{happened:?}");
}

struct Storm {
    number: u64,
    random: Random,
    bench: Bench,
    wire: Wire,
    telemetry: Telemetry,
    stack: Stack,
    /// What callers saw.
    seen: Seen,
    /// The usage of answers that reached them, whole or up to where they walked away.
    useful: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Seen {
    started: u64,
    ok: u64,
    failed: u64,
    given_up: u64,
}

impl Storm {
    fn new(number: u64, commit: Commit) -> Self {
        let (bench, wire) = (Bench::new(true), Wire::default());
        let prices = NAMES.map(|name| Price { model: None, ..Price::of(name, "", 1.0, 1.0) }).to_vec();
        let telemetry = Telemetry::new(Settings { prices, ..Settings::default() }).unwrap();
        let inner = [0, 1].map(|target| wire.watch(bench.http(target)));
        let stack = Stack::new(&numbers(&telemetry), &provider().commit_streams(commit), &bench.hook, inner);
        let (seen, useful) = (Seen::default(), Arc::default());
        Storm { number, random: Random(number), bench, wire, telemetry, stack, seen, useful }
    }

    /// How often what makes a storm has happened.
    async fn run(mut self) -> [u64; 10] {
        let mut calls: Vec<Journey> = Vec::new();
        while self.seen.started < CALLS || !calls.is_empty() {
            self.bench.script([&act(&mut self.random), &act(&mut self.random)]);
            match self.random.below(100) {
                0..25 if self.seen.started < CALLS && calls.len() < AT_ONCE => calls.push(self.call()),
                25..30 if !calls.is_empty() => {
                    drop(calls.swap_remove(self.random.below(calls.len())));
                    self.seen.given_up += 1;
                }
                30..45 => advance(pause(&mut self.random)).await,
                _ if !calls.is_empty() => {
                    let at = self.random.below(calls.len());
                    if self.poll(&mut calls[at]) {
                        calls.swap_remove(at);
                    }
                }
                _ => {}
            }
            if self.random.below(8) > 0 {
                continue;
            }
            let now = self.telemetry.snapshot();
            adds_up(&now, self.number);
            // One whose end marker was read is over, though its reader may not know yet.
            assert!(now.calls.running <= calls.len() as u64, "storm {}", self.number);
        }
        self.reconcile()
    }

    /// A call that has begun: one that is dropped before it was ready never did.
    fn call(&mut self) -> Journey {
        self.seen.started += 1;
        let useful = self.useful.clone();
        let mut call = Journey::new(self.stack.client(), request()).at_end(move |ended: &Ended| {
            if !matches!(ended.outcome, Outcome::Failure(_)) {
                useful.fetch_add(ended.usage.map_or(0, |usage| usage.total()), Relaxed);
            }
        });
        let step = call.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(step, Step::Moved), "{step:?}");
        call
    }

    /// Whether it is over.
    fn poll(&mut self, call: &mut Journey) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        match catch_unwind(AssertUnwindSafe(|| call.poll(&mut cx))) {
            Ok(Step::Pending | Step::Moved) => return false,
            Ok(Step::Over(Ok(()))) => self.seen.ok += 1,
            Ok(Step::Over(Err(_))) => self.seen.failed += 1,
            Err(_) => self.seen.given_up += 1,
        }
        true
    }

    fn reconcile(&self) -> [u64; 10] {
        let Storm { number, bench, wire, seen, useful, stack, .. } = self;
        let now = self.telemetry.snapshot();
        let (calls, total) = (&now.calls, &now.total);
        // The callers.
        assert_eq!((calls.started, calls.running), (seen.started, 0), "storm {number}");
        assert_eq!(
            (calls.failed, calls.ok + calls.cancelled),
            (seen.failed, seen.ok + seen.given_up),
            "storm {number}"
        );
        assert!(calls.ok >= seen.ok, "an answer dropped behind its end marker is whole");
        // The targets. A call that comes to the attempt's time-out after its deadline is not sent.
        assert_eq!(total.attempts.running, 0);
        for (target, sent) in now.targets.iter().zip(bench.calls()) {
            let late = target.work.failures.get(Kind::Rejected.as_str()).copied().unwrap_or(0);
            assert_eq!(target.work.attempts.started() - late, sent as u64, "storm {number}, {}", target.name);
        }
        // The wire, and what of it was of use.
        assert_eq!(total.tokens.billed.total(), wire.tokens(), "storm {number}");
        assert_eq!(total.tokens.useful.total(), useful.load(Relaxed), "storm {number}");
        assert_eq!(total.tokens.undecided().total(), 0, "storm {number}");
        // At a price of one for a million, a token is a thousand billionths.
        let billed = total.tokens.billed.total() - total.tokens.billed.cached_input;
        assert_eq!(total.cost.billed.billionths(), 1_000 * billed);
        assert_eq!(total.unpriced, 0);
        // The layers between.
        let waited: u64 = stack.limits.iter().map(|limit| limit.snapshot().waited).sum();
        let refused: u64 = stack.limits.iter().map(|limit| limit.snapshot().refused).sum();
        let blocked: u64 = stack.breakers.iter().map(|breaker| breaker.snapshot().rejected).sum();
        let held = &total.held_back;
        assert_eq!(
            (held.limiter_waits, held.limiter_refusals, held.breaker_refusals),
            (waited, refused, blocked)
        );
        assert!(total.attempts.hedges <= stack.hedge.snapshot().sent);
        let attempts = &total.attempts;
        [
            attempts.retries,
            attempts.hedges,
            attempts.failovers,
            waited,
            refused,
            blocked,
            total.tokens.useful.total(),
            total.tokens.wasted.total(),
            calls.cancelled,
            calls.exhausted,
        ]
    }
}

/// The sums of one moment.
fn adds_up(now: &Snapshot, number: u64) {
    let calls = &now.calls;
    assert_eq!(calls.started, calls.ok + calls.failed + calls.cancelled + calls.running, "storm {number}");
    assert_eq!(calls.failed, calls.failures.values().sum::<u64>());
    for work in now.targets.iter().map(|target| &target.work).chain([&now.total]) {
        let attempts = &work.attempts;
        let ended = attempts.ok + attempts.failed + attempts.cancelled;
        assert_eq!(attempts.started(), ended + attempts.running, "storm {number}");
        assert_eq!(attempts.failed, work.failures.values().sum::<u64>());
        let (tokens, cost) = (&work.tokens, &work.cost);
        let decided = tokens.useful.total() + tokens.wasted.total();
        assert_eq!(tokens.billed.total(), decided + tokens.undecided().total(), "storm {number}");
        assert!(cost.useful.billionths() + cost.wasted.billionths() <= cost.billed.billionths());
    }
    let of_targets: u64 = now.targets.iter().map(|target| target.work.attempts.started()).sum();
    assert_eq!(now.total.attempts.started(), of_targets);
}

/// Close limits, so that each layer has something to do.
fn numbers(telemetry: &Telemetry) -> Numbers {
    let mut numbers = Numbers {
        total: Duration::from_secs(30),
        hedge: buttress_hedge::Policy { budget: 0.5, ..buttress_hedge::Policy::after(20 * MS) },
        retries: Retries {
            backoff: Backoff { base: 20 * MS, cap: 100 * MS, ..Backoff::default() },
            ..Retries::default()
        },
        telemetry: Some(telemetry.clone()),
        ..Numbers::default()
    };
    numbers.limit.in_flight = Some(7);
    numbers.limit.max_waiting = 2;
    numbers.breaker.open = OpenFor::Fixed(500 * MS);
    numbers.breaker.consecutive_failures = Some(2);
    numbers
}

fn pause(random: &mut Random) -> Duration {
    match random.below(50) {
        0 => Duration::from_secs(5),
        1..5 => 500 * MS,
        _ => MS * random.below(30) as u32,
    }
}

/// What a target does next.
fn act(random: &mut Random) -> Act {
    let soon = Piece::After(MS * random.below(40) as u32);
    let good = metered(random.below(50) as u64 + 1, random.below(20) as u64, soon.clone());
    let but = |at: usize, piece: Piece| {
        let mut act = good.clone();
        act.pieces.insert(at, piece);
        act
    };
    let after = MS * random.below(40) as u32;
    match random.below(22) {
        0..8 => good,
        8..11 => Act { head: Head::After(after), ..good },
        11 => Act { head: Head::Never, ..good },
        // But the last, which no provider says.
        12..15 => Act::head(Head::Fails(Kind::ALL[random.below(Kind::ALL.len() - 1)])),
        15 => Act::head(Head::PanicsInCall),
        16 => Act::head(Head::PanicsInPoll),
        17 => Act { ready: Ready::After(after), ..good },
        18 => but(3, Piece::Panics),
        19 => but(random.below(5), Piece::Cut),
        20 => but(4, Piece::Never),
        _ => Act::good(),
    }
}
