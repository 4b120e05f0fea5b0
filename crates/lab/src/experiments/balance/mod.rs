//! What a balancer makes of one bad replica out of six.
//!
//! The calls of a trace's first 2,100 s go to six replicas with eight slots each, first in, first out; a call has a slot
//! for 0.3 s until its first token and 20 ms for each of its tokens. In case `slow` one replica takes four times as long
//! from 600 to 1,200 s; in case `failing` one answers with a 500 after 50 ms from 1,500 to 1,800 s.

mod arm;
mod fleet;
mod pick;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use buttress_call::BoxError;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tower::{Service, ServiceExt};

use self::{
    arm::Arm,
    fleet::{Case, Job},
};
use super::Experiment;
use crate::{
    chat::Ask,
    clock,
    report::{Report, mean, quantile, round},
    workload::{Source, Workload},
};

const LENGTH: Duration = Duration::from_secs(2_100);

#[derive(Debug)]
pub(crate) struct Balancing;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// One arm alone; may be repeated
    #[arg(long = "arm", value_name = "NAME")]
    arms: Vec<Arm>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    experiment: &'static str,
    case: Case,
    arm: Arm,
    seed: u64,
    first_token_p99_s: Option<f64>,
    error_rate: f64,
}

impl Experiment for Balancing {
    const NAME: &'static str = "balance";
    const ABOUT: &'static str = "one bad replica out of six, slow or failing fast";
    const SEEDS: RangeInclusive<u64> = 1..=3;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let calls = options.source.open(report)?;
        let arms = if options.arms.is_empty() { Arm::value_variants() } else { &options.arms };
        for case in Case::value_variants() {
            for arm in arms {
                let mut rows = Vec::new();
                for seed in seeds {
                    let row = play(*case, *arm, *seed, &calls.of_seed(Self::NAME, *seed))?;
                    report.row(&row)?;
                    rows.push(row);
                }
                report.note(format!(
                    "{case:?}, {arm:?}: p99 {:.2} s, errors {:.3}",
                    mean(rows.iter().filter_map(|row| row.first_token_p99_s)),
                    mean(rows.iter().map(|row| row.error_rate)),
                ));
            }
        }
        Ok(())
    }
}

/// What became of a call: the replicas' errors on its way, and the time to its first token if it has an answer.
type Ended = (u32, Option<Duration>);

fn play(case: Case, arm: Arm, seed: u64, workload: &Workload) -> Result<Row, BoxError> {
    let ended = clock::simulate(drive(case, arm, seed, workload))?;
    let mut times: Vec<f64> =
        ended.iter().filter_map(|(_, time)| Some(time.as_ref()?.as_secs_f64())).collect();
    times.sort_by(f64::total_cmp);
    let errors: u32 = ended.iter().map(|(errors, _)| errors).sum();
    Ok(Row {
        experiment: Balancing::NAME,
        case,
        arm,
        seed,
        first_token_p99_s: quantile(&times, 0.99).map(|time| round(time, 3)),
        error_rate: round(f64::from(errors) / ended.len().max(1) as f64, 4),
    })
}

/// Makes all calls, and returns those that arrived while the replica was bad.
async fn drive(case: Case, arm: Arm, seed: u64, workload: &Workload) -> Result<Vec<Ended>, BoxError> {
    let mut client = arm.client(fleet::all(case), seed)?;
    let start = Instant::now();
    let mut running = JoinSet::new();
    let mut counted = Vec::new();
    for call in workload.calls.iter().take_while(|call| call.at < LENGTH) {
        sleep_until(start + call.at).await;
        let counts = case.period().contains(&call.at);
        let (began, job) = (Instant::now(), Arc::new(Job::new(call.output)));
        let answer = client.ready().await?.call(Ask::stream(job.clone(), None));
        running.spawn(async move {
            let time = match answer.await {
                Ok(mut answer) => {
                    answer.read().await;
                    Some(answer.first_content_at - began)
                }
                Err(_) => None,
            };
            counts.then(|| (job.errors(), time))
        });
        while let Some(ended) = running.try_join_next() {
            counted.extend(ended?);
        }
    }
    while let Some(ended) = running.join_next().await {
        counted.extend(ended?);
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    fn row(case: Case, arm: Arm, seed: u64) -> Row {
        let workload = synthetic::workload(Balancing::NAME, seed, synthetic::CALLS);
        play(case, arm, seed, &workload).unwrap()
    }

    #[test]
    fn a_run_repeats_to_the_bit_and_has_the_fields_in_order() {
        for arm in Arm::value_variants() {
            let line = |seed| serde_json::to_string(&row(Case::Failing, *arm, seed)).unwrap();
            assert_eq!(line(1), line(1));
        }
        let row = Row {
            experiment: "balance",
            case: Case::Slow,
            arm: Arm::TowerP2c,
            seed: 1,
            first_token_p99_s: Some(1.5),
            error_rate: 0.0,
        };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"balance","case":"slow","arm":"tower_p2c","seed":1,"first_token_p99_s":1.5,"error_rate":0.0}"#
        );
    }

    #[test]
    fn only_one_strategy_avoids_both_the_slow_and_the_failing() {
        let slow = |arm| row(Case::Slow, arm, 1).first_token_p99_s.unwrap();
        let failing = |arm| row(Case::Failing, arm, 1).error_rate;
        assert!(slow(Arm::Buttress) < 2.0 && failing(Arm::Buttress) < 0.05);
        assert!(slow(Arm::Random) > 60.0 && failing(Arm::LeastInFlight) > 0.5);
    }

    #[test]
    fn the_bad_replica_gets_its_share_from_who_does_not_look() {
        for arm in [Arm::Random, Arm::RoundRobin] {
            let errors = row(Case::Failing, arm, 1).error_rate;
            assert!((errors - 1.0 / 6.0).abs() < 0.03, "{errors}");
        }
    }
}
