//! A run in which everything happens that layers tell of.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use buttress_call::Kind;
use buttress_limit::Policy;
use buttress_telemetry::{Change, Price, Settings, Telemetry};
use buttress_tests::{
    fleet::provider,
    journey::{Journey, Step},
    probe::{Act, Head, Piece},
    stack::{NAMES, Numbers, Stack},
    subject::{Bench, request},
};
use tokio::time::advance;

use super::wire::metered;

pub(super) const MS: Duration = Duration::from_millis(1);

/// The composed stack, written down.
pub(super) struct Run {
    pub(super) bench: Bench,
    pub(super) stack: Stack,
    pub(super) telemetry: Telemetry,
}

impl Run {
    pub(super) fn new(limit: Policy) -> Self {
        let prices = NAMES.map(|name| Price { model: None, ..Price::of(name, "", 1.0, 1.0) }).to_vec();
        let telemetry = Telemetry::new(Settings { prices, ..Settings::default() }).unwrap();
        let numbers = Numbers {
            hedge: buttress_hedge::Policy { budget: 0.5, ..buttress_hedge::Policy::after(20 * MS) },
            limit,
            telemetry: Some(telemetry.clone()),
            ..Numbers::default()
        };
        let bench = Bench::new(true);
        let inner = [bench.http(0), bench.http(1)];
        let stack = Stack::new(&numbers, &provider(), &bench.hook, inner);
        Run { bench, stack, telemetry }
    }

    /// One call to its end; whether it was served.
    pub(super) async fn call(&self) -> bool {
        Journey::new(self.stack.client(), request()).run().await.is_ok()
    }

    /// A call whose answer has begun.
    pub(super) async fn begun(&self) -> Journey {
        let mut call = Journey::new(self.stack.client(), request());
        while !call.is_reading() {
            poll(&mut call);
            advance(MS).await;
        }
        call
    }

    /// A call that waits for one before it.
    pub(super) fn waiting(&self) -> Journey {
        let mut call = Journey::new(self.stack.client(), request());
        poll(&mut call);
        poll(&mut call);
        call
    }
}

fn poll(call: &mut Journey) {
    let step = call.poll(&mut Context::from_waker(Waker::noop()));
    assert!(!matches!(step, Step::Over(_)), "{step:?}");
}

/// Wide limits, in which calls may wait.
pub(super) fn wide() -> Policy {
    Policy { ramp_up: Duration::ZERO, ..Policy::per_minute(60_000, 60_000_000) }
}

/// Streams, waits, refusals, failures of one target and of all, hedges, an open breaker. Returns where it was written down.
pub(super) async fn everything() -> [Telemetry; 2] {
    let good = || metered(30, 10, Piece::After(MS));
    let fails = || Act::head(Head::Fails(Kind::Server));

    let one = Run::new(Policy { in_flight: Some(1), max_waiting: 1, ..wide() });
    one.bench.script_all(&good());
    assert!(one.call().await);
    let held = one.begun().await;
    let waiting = one.waiting();
    assert!(one.call().await, "refused by a full queue, by the other target");
    held.run().await.unwrap();
    waiting.run().await.unwrap();

    let run = Run::new(wide());
    run.bench.script([&Act::head(Head::After(200 * MS)), &good()]);
    assert!(run.call().await, "by a hedge");
    run.bench.script([&fails(), &good()]);
    assert!(run.call().await, "by a retry's way to the other target");
    run.bench.script_all(&fails());
    assert!(!run.call().await, "nobody is left");
    for _ in 0..5 {
        run.call().await;
    }
    advance(61_000 * MS).await;
    run.bench.script_all(&good());
    assert!(run.call().await, "by a probe");
    run.telemetry.changed(Change { name: "a".into(), from: "closed", to: "open", reason: String::new() });
    [one.telemetry, run.telemetry]
}
