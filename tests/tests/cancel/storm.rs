//! Thousands of calls through the whole stack: slow, failing, panicking and dropped, all at random.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Waker},
    time::Duration,
};

use buttress_breaker::{BreakerHandle, OpenFor};
use buttress_call::Kind;
use buttress_retry::{Backoff, Retries};
use buttress_tests::{
    journey::{Journey, Step},
    probe::{Act, Head, Piece, Ready},
    random::Random,
    stack::{Numbers, Stack},
    subject::{Bench, request},
};
use tokio::time::advance;

use super::provider;

const CALLS: usize = 3_000;
const AT_ONCE: usize = 16;
const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn after_a_storm_nothing_is_held_and_every_end_was_told() {
    let mut seen = Seen::default();
    for number in 1..=4 {
        storm(number, &mut seen).await;
    }
    // All of it has happened, or the rest says little.
    let Seen { dropped, panicked, heads, hedged, won, refused, waited, opened } = seen;
    assert!(dropped > 500 && panicked > 200 && heads > 500, "{seen:?}");
    assert!(hedged > 200 && won > 30 && refused > 500 && waited > 200 && opened > 20, "{seen:?}");
}

/// What a storm was made of.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    dropped: usize,
    panicked: usize,
    heads: usize,
    hedged: u64,
    won: u64,
    refused: u64,
    waited: u64,
    opened: usize,
}

async fn storm(number: u64, seen: &mut Seen) {
    let bench = Bench::new(true);
    let stack = stack(&bench);
    let mut random = Random(number);
    let (ends, mut heads) = (Arc::new(AtomicUsize::new(0)), 0);
    let (mut started, mut open) = (0, false);
    let mut calls: Vec<Journey> = Vec::new();
    while started < CALLS || !calls.is_empty() {
        bench.script([&act(&mut random), &act(&mut random)]);
        match random.below(100) {
            0..25 if started < CALLS && calls.len() < AT_ONCE => {
                let ends = ends.clone();
                let count = move |_: &_| {
                    ends.fetch_add(1, Relaxed);
                };
                calls.push(Journey::new(stack.client(), request()).at_end(count));
                started += 1;
            }
            25..30 if !calls.is_empty() => {
                drop(calls.swap_remove(random.below(calls.len())));
                seen.dropped += 1;
            }
            30..45 => advance(pause(&mut random)).await,
            _ if !calls.is_empty() => {
                let at = random.below(calls.len());
                let reading = calls[at].is_reading();
                let over = poll(&mut calls[at]).unwrap_or_else(|Panicked| {
                    seen.panicked += 1;
                    true
                });
                heads += usize::from(!reading && calls[at].is_reading());
                if over {
                    calls.swap_remove(at);
                }
            }
            _ => {}
        }
        let was_open = std::mem::replace(&mut open, stack.breakers.iter().any(BreakerHandle::is_open));
        seen.opened += usize::from(open && !was_open);
    }
    assert_eq!((bench.out(), stack.held(), bench.unready_calls()), (0, 0, 0), "storm {number}");
    assert_eq!(ends.load(Relaxed), heads, "storm {number}: an end for every head");
    recovered(&bench, &stack).await;

    let hedge = stack.hedge.snapshot();
    seen.heads += heads;
    seen.hedged += hedge.sent;
    seen.won += hedge.won;
    for limit in &stack.limits {
        let limit = limit.snapshot();
        seen.refused += limit.refused;
        seen.waited += limit.waited;
    }
}

struct Panicked;

/// Whether the call is over.
fn poll(call: &mut Journey) -> Result<bool, Panicked> {
    let mut cx = Context::from_waker(Waker::noop());
    let step = catch_unwind(AssertUnwindSafe(|| call.poll(&mut cx)));
    step.map(|step| matches!(step, Step::Over(_))).map_err(|_| Panicked)
}

/// A while later a good call is served as if nothing had been.
async fn recovered(bench: &Bench, stack: &Stack) {
    bench.script_all(&Act::good());
    advance(Duration::from_secs(60 * 60)).await;
    let seen = bench.observe(Journey::new(stack.client(), request())).await;
    assert!(seen.served_by(0), "{seen:?}");
    assert_eq!((bench.out(), stack.held()), (0, 0));
}

/// Close limits, so that each layer has something to do.
fn stack(bench: &Bench) -> Stack {
    let mut numbers = Numbers {
        total: Duration::from_secs(30),
        hedge: buttress_hedge::Policy { budget: 0.5, ..buttress_hedge::Policy::after(20 * MS) },
        retries: Retries {
            backoff: Backoff { base: 20 * MS, cap: 100 * MS, ..Backoff::default() },
            ..Retries::default()
        },
        ..Numbers::default()
    };
    numbers.limit.in_flight = Some(4);
    numbers.limit.max_waiting = 2;
    numbers.breaker.open = OpenFor::Fixed(200 * MS);
    Stack::new(&numbers, &provider(), &bench.hook, [bench.http(0), bench.http(1)])
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
    let soon = MS * random.below(40) as u32;
    let token = Piece::token;
    match random.below(24) {
        0..4 => Act::good(),
        4..8 => Act::slow(soon),
        8..11 => Act::head(Head::After(soon)),
        11 => Act::head(Head::Never),
        12..15 => Act::head(Head::Fails(Kind::ALL[random.below(Kind::ALL.len())])),
        15 => Act::head(Head::PanicsInCall),
        16 => Act::head(Head::PanicsInPoll),
        17 => Act::ready(Ready::Panics),
        18 => Act::ready(Ready::Fails(Kind::Connect)),
        19 => Act::ready(Ready::After(soon)),
        20 => Act::answering([token(), Piece::After(soon), Piece::Panics]),
        21 => Act::answering([token(), Piece::After(soon), Piece::Cut]),
        22 => Act::answering([token(), Piece::Never]),
        _ => Act { pieces: vec![Piece::After(soon), token()], ..Act::good() },
    }
}
