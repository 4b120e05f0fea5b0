//! Whatever can go wrong, and whatever an operator may do about it.

use std::time::Duration;

use buttress_breaker::Policy as BreakerPolicy;
use buttress_limit::Policy as LimitPolicy;
use buttress_sim::{Fault, Rule, Sim};
use buttress_tests::{
    random::Random,
    stack::{NAMES, Stack},
};
use tokio::time::{Instant, sleep};

use super::{
    MS,
    cut::{Door, Wire},
};

/// Until then, something new every few milliseconds.
pub(crate) async fn makes(stack: &Stack, sims: &[Sim; 2], doors: &[Door; 2], until: Instant) {
    let mut random = Random(7);
    while Instant::now() < until {
        let at = random.below(2);
        match random.below(16) {
            0..3 => {
                let rule = Rule::always(fault(&mut random)).share(0.2 + 0.2 * random.below(5) as f64);
                sims[at].inject(rule).unwrap();
            }
            3..7 => sims[at].clear(),
            7 => doors[at].is([Wire::Partitioned, Wire::ResetAfter(random.below(4_000))][random.below(2)]),
            8 | 9 => doors.iter().for_each(|door| door.is(Wire::Whole)),
            10 => stack.failover.reorder([NAMES[at], NAMES[1 - at]]).unwrap(),
            11 => {
                stack.failover.resume(NAMES[1 - at]).unwrap();
                stack.failover.drain(NAMES[at]).unwrap();
            }
            12 => NAMES.iter().for_each(|name| stack.failover.resume(name).unwrap()),
            13 => {
                let in_flight = Some(1 + random.below(40));
                let policy = LimitPolicy { in_flight, max_waiting: random.below(8), ..roomy() };
                stack.limits[at].set_policy(policy).unwrap();
            }
            14 if random.below(4) == 0 => stack.breakers[at].force_open(),
            14 => stack.breakers[at].force_close(),
            _ => {
                let consecutive_failures = Some(1 + random.below(8) as u32);
                let policy = BreakerPolicy { consecutive_failures, ..stack.breakers[at].policy() };
                stack.breakers[at].set_policy(policy).unwrap();
                stack.breakers[at].reset();
            }
        }
        sleep(MS * random.below(40) as u32).await;
    }
    ends(stack, sims, doors);
}

/// All is well again.
pub(crate) fn ends(stack: &Stack, sims: &[Sim; 2], doors: &[Door; 2]) {
    for at in 0..2 {
        sims[at].clear();
        doors[at].is(Wire::Whole);
        stack.failover.resume(NAMES[at]).unwrap();
        stack.limits[at].set_policy(roomy()).unwrap();
        stack.breakers[at].reset();
    }
}

/// Few calls wait, and none for what a minute allows.
pub(crate) fn roomy() -> LimitPolicy {
    LimitPolicy {
        in_flight: Some(16),
        max_waiting: 4,
        max_wait: 500 * MS,
        ramp_up: Duration::ZERO,
        ..LimitPolicy::per_minute(6_000_000, 6_000_000_000)
    }
}

/// Those that pass: what keeps a target out for minutes (its money, its key) is for a clock that can be advanced.
fn fault(random: &mut Random) -> Fault {
    let tokens = random.below(9) as u32;
    let faults = [
        Fault::Refuse,
        Fault::Reset,
        Fault::BlackHole,
        Fault::RateLimit { retry_after: Some(MS * random.below(50) as u32) },
        Fault::RateLimit { retry_after: None },
        Fault::Status([500, 502, 503, 529, 400][random.below(5)]),
        Fault::SlowFirstToken(MS * random.below(300) as u32),
        Fault::Brownout(10.0),
        Fault::StallAfter { tokens },
        Fault::CutAfter { tokens },
        Fault::MalformedEvent { after: tokens },
        Fault::ErrorEvent { after: tokens },
        Fault::ErrorThenDone { after: tokens },
        Fault::MissingEnd { finish: tokens > 4 },
        Fault::EmptyOk,
        Fault::ErrorIn200,
        Fault::Garbage { bytes: 2_000 },
        Fault::EndlessPrelude,
        Fault::Gzip,
        Fault::OverDeliver,
    ];
    let at = random.below(faults.len());
    faults[at].clone()
}
