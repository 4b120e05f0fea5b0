//! The engine's sums, worked out by hand.

#![allow(clippy::unwrap_used, reason = "tests, though clippy only knows the functions marked as such")]

mod changes;
mod debits;
mod headers;
mod needs;
mod requests;
mod rises;
mod waits;

use super::*;
use crate::Window;

/// 100 tokens a second in a bucket of 2,000, charged as they stream.
fn tokens() -> Policy {
    Policy {
        tokens: Some(6_000),
        capacity: Some(2_000),
        ramp_up: Duration::ZERO,
        charging: Some(Charging::new(OutputCharge::AsStreamed)),
        ..Policy::default()
    }
}

/// One request a second; so many at once.
fn requests(at_once: u64) -> Policy {
    Policy {
        requests: Some(60),
        burst: Duration::from_secs(at_once),
        ramp_up: Duration::ZERO,
        ..Policy::default()
    }
}

fn charged(output: OutputCharge) -> Policy {
    Policy { charging: Some(Charging::new(output)), ..tokens() }
}

fn pass(engine: &mut Engine, now: Nanos, input: u64, output: u64) -> Ticket {
    let need = Need::new(input, output, engine.charging.output);
    engine.admit(now, &need).unwrap()
}

/// The level and the holds, in whole tokens.
fn tokens_left(engine: &mut Engine, now: Nanos) -> (i64, u64) {
    engine.advance(now);
    let reading = engine.reading(Dimension::Tokens).unwrap();
    (reading.level.round() as i64, reading.held)
}

fn requests_left(engine: &mut Engine, now: Nanos) -> i64 {
    engine.advance(now);
    engine.reading(Dimension::Requests).unwrap().level as i64
}

/// The upstream says that it has so many tokens left.
fn lower(engine: &mut Engine, to: f64) {
    engine.meters[Dimension::Tokens.index()].as_mut().unwrap().lower(to);
}

fn near(a: Nanos, b: Nanos) -> bool {
    a.abs_diff(b) <= 2
}
