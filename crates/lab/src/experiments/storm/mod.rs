//! What retries add to an outage, and what they do to its end.
//!
//! 1,000 clients make a call a second each, as Poisson processes: together one Poisson stream of 1,000 a second. The
//! provider answers 1,500 attempts a second in 50 ms and refuses the excess with a 503; from 60 s to 120 s it refuses
//! everything. Arm `sdk` retries twice with the providers' SDKs' own wait, 0.5 x 2^n s up to 8, times U(0.75, 1]. Arm
//! `budget` is our retry layer with one budget that all clients share.
//!
//! `amplification` is attempts per call, of calls begun in the outage. `recovery_s` is the time from the outage's end to
//! the start of the first 10 s in which 99 % of the calls that end are good; null if there are none in the minute that
//! follows.

mod ours;
pub(super) mod sdk;
mod tally;
mod upstream;

use std::{ops::RangeInclusive, time::Duration};

use buttress_call::BoxError;
use clap::Args;
use rand::{SeedableRng, rngs::StdRng};
use serde::Serialize;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tower::{Layer, ServiceExt};

use self::{
    tally::Tally,
    upstream::{Ask, OUTAGE, Upstream},
};
use super::Experiment;
use crate::{
    clock,
    random::exponential,
    report::{Report, round},
    seed::generator,
};

/// All clients' calls a second.
const RATE: f64 = 1_000.0;
const LENGTH: Duration = Duration::from_secs(180);

pub(crate) struct Storm;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Arm {
    Sdk,
    Budget,
}

#[derive(Serialize)]
struct Row {
    experiment: &'static str,
    arm: Arm,
    seed: u64,
    amplification: f64,
    recovery_s: Option<f64>,
}

impl Experiment for Storm {
    const NAME: &'static str = "storm";
    const ABOUT: &'static str = "what retries add to an outage of a minute, with and without a budget";
    const SEEDS: RangeInclusive<u64> = 1..=3;

    type Options = Options;

    fn run(_: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        for arm in [Arm::Sdk, Arm::Budget] {
            for seed in seeds {
                report.row(&clock::simulate(play(arm, *seed, RATE))?)?;
            }
        }
        Ok(())
    }
}

async fn play(arm: Arm, seed: u64, rate: f64) -> Result<Row, BoxError> {
    let (start, upstream) = (Instant::now(), Upstream::new());
    let ours = ours::layer(seed)?.layer(upstream.clone());
    let role = |role| generator(Storm::NAME, "outage", seed, role);
    let (mut arrivals, mut jitter) = (role("arrivals"), role("jitter of the sdk"));
    let mut calls = JoinSet::new();
    let mut tally = Tally::default();
    let mut outage_calls = 0;
    let mut begun = exponential(&mut arrivals, rate);
    while begun < LENGTH {
        sleep_until(start + begun).await;
        let ask = Ask { begun };
        outage_calls += u64::from(OUTAGE.contains(&begun));
        match arm {
            Arm::Sdk => {
                let rng = StdRng::from_rng(&mut jitter);
                let call = sdk::call(upstream.clone(), ask, rng);
                calls.spawn(async move { (call.await.is_ok(), start.elapsed()) });
            }
            Arm::Budget => {
                let call = ours.clone().oneshot(ask);
                calls.spawn(async move { (call.await.is_ok(), start.elapsed()) });
            }
        }
        begun += exponential(&mut arrivals, rate);
        while let Some(ended) = calls.try_join_next() {
            record(&mut tally, ended);
        }
    }
    while let Some(ended) = calls.join_next().await {
        record(&mut tally, ended);
    }
    Ok(Row {
        experiment: Storm::NAME,
        arm,
        seed,
        amplification: round(upstream.outage_attempts() as f64 / outage_calls as f64, 3),
        recovery_s: tally.recovery_s(),
    })
}

fn record(tally: &mut Tally, ended: Result<(bool, Duration), JoinError>) {
    let (good, ended) = ended.expect("a call's task neither panics nor is aborted");
    tally.record(ended, good);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_repeats_to_the_bit_and_has_the_fields_in_order() {
        // At a twentieth of the load, for speed.
        let line = |arm, seed| {
            serde_json::to_string(&clock::simulate(play(arm, seed, RATE / 20.0)).unwrap()).unwrap()
        };
        assert_eq!(line(Arm::Budget, 1), line(Arm::Budget, 1));
        assert_ne!(line(Arm::Budget, 1), line(Arm::Budget, 2));
        let row = Row { experiment: "storm", arm: Arm::Sdk, seed: 1, amplification: 3.0, recovery_s: None };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"storm","arm":"sdk","seed":1,"amplification":3.0,"recovery_s":null}"#
        );
    }

    #[test]
    fn without_a_budget_an_outage_gets_every_attempt() {
        let row = clock::simulate(play(Arm::Sdk, 1, RATE / 20.0)).unwrap();
        assert!((2.9..=3.0).contains(&row.amplification), "{}", row.amplification);
    }
}
