//! A million operations at random keep every invariant.

use buttress_call::{Charging, Limit, Limits, OutputCharge};

use super::*;
use crate::{
    Window,
    engine::{Dimension, SECOND},
};

/// xorshift64*: the same numbers on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn some(&mut self, most: u64) -> Option<u64> {
        (!self.one_in(4)).then(|| self.below(most))
    }
}

fn some_policy(random: &mut Random, window: Window) -> Policy {
    let quota = |random: &mut Random, most| random.some(most).map(|quota| quota + 1);
    Policy {
        requests: quota(random, 2_000),
        tokens: quota(random, 50_000),
        input_tokens: quota(random, 50_000),
        output_tokens: quota(random, 50_000),
        in_flight: Some(1 + random.below(40) as usize),
        capacity: quota(random, 100_000),
        window,
        max_waiting: 20,
        ramp_up: Duration::from_secs(random.below(90)),
        learn_quota: random.one_in(2),
        ..Policy::default()
    }
}

fn some_limits(random: &mut Random) -> Limits {
    let limit = |random: &mut Random| {
        let mut limit = Limit::default();
        let most = if random.one_in(8) { u64::MAX } else { 60_000 };
        limit.limit = random.some(most);
        limit.remaining = random.some(most);
        limit.reset = random.some(100).map(Duration::from_secs);
        limit.window = random.some(3).map(|minutes| Duration::from_secs(60 * minutes));
        limit
    };
    let mut limits = Limits::default();
    limits.requests = limit(random);
    limits.tokens = limit(random);
    limits.input_tokens = limit(random);
    limits.output_tokens = limit(random);
    limits
}

fn some_charging(random: &mut Random) -> Charging {
    use OutputCharge as O;
    let output =
        [O::AsStreamed, O::ReservedAndSettled, O::ReservedAndKept, O::Free][random.below(4) as usize];
    let charging = Charging::new(output);
    if random.one_in(2) { charging.with_split() } else { charging }
}

fn some_told(random: &mut Random) -> Told {
    Told {
        limits: random.one_in(10).then(|| some_limits(random)),
        charging: random.one_in(20).then(|| some_charging(random)),
    }
}

fn some_amount(random: &mut Random) -> u64 {
    match random.below(50) {
        0 => 0,
        1 => random.below(20_000),
        2 if random.one_in(500) => u64::MAX,
        _ => random.below(900),
    }
}

/// Every number makes sense, and the holds are those of the calls in flight.
fn check(gate: &Gate, now: Nanos, calls: &[Held], waiting: usize) {
    let needs: Vec<Need> = calls.iter().map(|held| lock(&gate.state).calls.get_mut(held).need).collect();
    gate.look(now, |engine, _, queued| {
        assert_eq!(engine.in_flight(), calls.len());
        assert_eq!(queued, waiting);
        if let Some(requests) = engine.reading(Dimension::Requests) {
            assert!(requests.level.is_finite() && requests.level <= requests.capacity as f64, "{requests:?}");
        }
        for dimension in Dimension::TOKENS {
            let Some(reading) = engine.reading(dimension) else { continue };
            assert!(reading.level.is_finite(), "{dimension}: {reading:?}");
            assert!(reading.level <= reading.capacity as f64, "{dimension}: {reading:?}");
            // A limit that was set later than a call was let through has no part in it.
            let most: u64 = needs.iter().map(|need| dimension.of(need)).sum();
            assert!(reading.held <= most, "{dimension}: {reading:?}, {most} at most");
        }
    });
}

/// Returns how many calls passed.
fn operate(seed: u64, operations: u32, window: Window) -> usize {
    let mut random = Random(seed);
    let (mut now, mut passed): (Nanos, usize) = (0, 0);
    let gate = Gate::new(&Policy { in_flight: Some(8), window, ..Policy::per_minute(600, 20_000) }, 0);
    let mut calls: Vec<Held> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    let cx = Context::from_waker(Waker::noop());
    for _ in 0..operations {
        // Mostly forwards.
        let step = random.below(SECOND);
        now = if random.one_in(50) { now.saturating_sub(step) } else { now + step };
        match random.below(100) {
            0..40 => {
                let ask = Ask {
                    input: some_amount(&mut random),
                    cap: random.some(2_000),
                    expected: random.some(1_000),
                    priority: [Priority::Low, Priority::Normal, Priority::High][random.below(3) as usize],
                    may_wait: !random.one_in(10),
                    remaining: random.some(90).map(Duration::from_secs),
                };
                match gate.enter(now, &ask, true) {
                    Entry::Admitted(held) => {
                        passed += 1;
                        calls.push(held);
                    }
                    Entry::Queued(place) => places.push(place),
                    Entry::Refused(_) => {}
                    Entry::Busy => unreachable!(),
                }
            }
            // Everybody looks, in any order: only the head can pass.
            40..60 => places.retain(|place| match gate.turn(now, *place, &cx) {
                Turn::Admitted(held) => {
                    passed += 1;
                    calls.push(held);
                    false
                }
                Turn::Refused(_) => false,
                Turn::Wait(_) => true,
            }),
            60..65 if !places.is_empty() => {
                let place = places.swap_remove(random.below(places.len() as u64) as usize);
                if random.one_in(2) {
                    gate.leave(place);
                } else {
                    let _ = gate.give_up(now, place);
                }
            }
            65..75 if !calls.is_empty() => {
                let at = random.below(calls.len() as u64) as usize;
                if random.one_in(3) {
                    gate.renew(now, &calls[at]);
                } else {
                    gate.answered(Some(now), &calls[at], &some_told(&mut random));
                }
            }
            75..80 if !calls.is_empty() => {
                gate.end(calls.swap_remove(random.below(calls.len() as u64) as usize));
            }
            80..99 if !calls.is_empty() => {
                let held = calls.swap_remove(random.below(calls.len() as u64) as usize);
                let charge = match random.below(4) {
                    0 => Charge::UNSENT,
                    1 => Charge::FREE,
                    _ => Charge {
                        answered: random.one_in(2),
                        ..Charge::tokens(some_amount(&mut random), some_amount(&mut random))
                    },
                };
                let refused = random.one_in(20);
                let longest = if random.one_in(20) { u64::MAX >> 31 } else { 5_000 };
                let hint = random.some(longest).map(Duration::from_millis);
                let told = some_told(&mut random);
                let rate_limited = refused.then_some(RateLimited { hint });
                let timed = refused || !random.one_in(3);
                let charge = |_: &Need, _| charge;
                let settlement = Settlement { charge, rate_limited, told: &told };
                let _ = gate.settle(timed.then_some(now), held, settlement);
            }
            99 if random.one_in(20) => {
                let window = if random.one_in(10) { Window::Sliding } else { window };
                gate.set_policy(now, &some_policy(&mut random, window));
            }
            // A debt of 2^50 tokens would keep everything out for the rest of the run.
            99 if random.one_in(5) => now += 1_000_000 * SECOND,
            _ => {}
        }
        check(&gate, now, &calls, places.len());
    }
    for held in calls.drain(..) {
        let _ = gate.settle(Some(now), held, settlement(Charge::UNSENT));
    }
    for place in places.drain(..) {
        gate.leave(place);
    }
    check(&gate, now, &[], 0);
    passed
}

#[test]
fn half_a_million_operations_on_buckets_keep_every_invariant() {
    let passed = operate(1, 500_000, Window::Bucket);
    assert!(passed > 20_000, "only {passed} calls passed: the run shows little");
}

#[test]
fn half_a_million_operations_on_windows_keep_every_invariant() {
    let passed = operate(2, 500_000, Window::Sliding);
    assert!(passed > 20_000, "only {passed} calls passed: the run shows little");
}

#[test]
fn a_call_that_ends_without_the_lock_has_cost_what_was_held_for_it() {
    let policy = Policy { ramp_up: Duration::ZERO, ..Policy::per_minute(600, 20_000) };
    let readings = [
        |gate: &Gate, held| gate.end(held),
        |gate: &Gate, held| {
            let all = |need: &Need, _: Charging| Charge::all_of(need);
            let told = &Told::default();
            let _ = gate.settle(None, held, Settlement { charge: all, rate_limited: None, told });
        },
    ]
    .map(|end| {
        let gate = Gate::new(&policy, 0);
        // More calls than there is room for in the word.
        for (now, round) in [(0, 100), (5 * SECOND, 64), (6 * SECOND, 1)] {
            let calls: Vec<Held> = (0..round).map(|_| admitted(&gate, now)).collect();
            for held in calls {
                end(&gate, held);
            }
        }
        gate.look(7 * SECOND, |engine, counts, _| {
            assert_eq!((engine.in_flight(), counts.admitted), (0, 165));
            [Dimension::Requests, Dimension::Tokens].map(|dimension| engine.reading(dimension))
        })
    });
    assert_eq!(readings[0], readings[1]);
}

fn admitted(gate: &Gate, now: Nanos) -> Held {
    let ask = Ask {
        input: 7,
        cap: Some(11),
        expected: None,
        priority: Priority::Normal,
        may_wait: false,
        remaining: None,
    };
    match gate.enter(now, &ask, false) {
        Entry::Admitted(held) => held,
        entry => panic!("{entry:?}"),
    }
}
