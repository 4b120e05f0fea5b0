//! What each layer is worth while a provider is unwell.
//!
//! The calls of a trace's first 1,800 s go to three providers, of which A is the first choice; from 600 to 1,200 s there
//! is something wrong with A. Rows are of the calls that arrive then, and each call has 60 s.
//!
//! The arms' layers are the real ones, as a user would stack them: time-outs in all, hedge, failover by order, and for
//! each provider retry, breaker, time-outs for the attempt. An answer that may be cut is held until it is whole.

mod arm;
mod bucket;
mod fault;
mod provider;
mod scene;
mod sdk;
mod trip;

use std::{ops::RangeInclusive, sync::Arc, time::Duration};

use buttress_call::BoxError;
use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};

use self::{
    arm::{Arm, Client},
    fault::Fault,
    scene::Scene,
    trip::Trip,
};
use super::Experiment;
use crate::{
    chat::Ask,
    clock,
    report::{Report, mean, quantile, round},
    workload::Source,
};

const LENGTH: Duration = Duration::from_secs(1_800);
const DEADLINE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Faults;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// One fault alone; may be repeated
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<Fault>,
    /// One arm alone; may be repeated
    #[arg(long = "arm", value_name = "NAME")]
    arms: Vec<Arm>,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    experiment: &'static str,
    fault: Fault,
    arm: Arm,
    seed: u64,
    success: f64,
    first_token_p50_s: Option<f64>,
    first_token_p99_s: Option<f64>,
    attempts_per_request: f64,
    upstream_429: u32,
    wasted_tokens: Option<f64>,
}

impl Experiment for Faults {
    const NAME: &'static str = "faults";
    const ABOUT: &'static str = "an unwell provider, and what each layer is worth then";
    const SEEDS: RangeInclusive<u64> = 1..=3;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let Options { source, faults, arms } = options;
        let calls = source.open(report)?;
        let faults = if faults.is_empty() { Fault::value_variants() } else { &faults };
        let arms = if arms.is_empty() { Arm::value_variants() } else { &arms };
        for fault in faults {
            for arm in arms {
                let mut rows = Vec::new();
                for seed in seeds {
                    let scene = Arc::new(Scene::new(&calls.of_seed(Self::NAME, *seed), LENGTH));
                    let row = play(*fault, *arm, *seed, &scene)?;
                    report.row(&row)?;
                    rows.push(row);
                }
                summarise(*fault, *arm, &rows, report);
            }
        }
        Ok(())
    }
}

/// What became of a call: the time to the first token of the answer, if it arrived whole and in time.
type Ended = (Arc<Trip>, Option<Duration>);

fn play(fault: Fault, arm: Arm, seed: u64, scene: &Arc<Scene>) -> Result<Row, BoxError> {
    let ended = clock::simulate(async {
        let whole = fault == Fault::Cut && arm.is_ours();
        let client = arm.client(&provider::all(fault, scene, seed, whole), seed)?;
        drive(client, scene).await
    })?;
    let calls = ended.len().max(1) as f64;
    let sum = |of: fn(&Trip) -> u64| ended.iter().map(|(trip, _)| of(trip)).sum::<u64>();
    let good = ended.iter().filter(|(_, time)| time.is_some());
    let useful: u64 = good.map(|(trip, _)| trip.input + trip.output).sum();
    let mut times: Vec<f64> =
        ended.iter().filter_map(|(_, time)| Some(time.as_ref()?.as_secs_f64())).collect();
    times.sort_by(f64::total_cmp);
    let at = |q| quantile(&times, q).map(|time| round(time, 3));
    let wasted = sum(Trip::tokens).saturating_sub(useful);
    Ok(Row {
        experiment: Faults::NAME,
        fault,
        arm,
        seed,
        success: round(times.len() as f64 / calls, 5),
        first_token_p50_s: at(0.5),
        first_token_p99_s: at(0.99),
        attempts_per_request: round(sum(|trip| trip.attempts().into()) as f64 / calls, 4),
        upstream_429: sum(|trip| trip.refused().into()) as u32,
        wasted_tokens: (useful > 0).then(|| round(wasted as f64 / useful as f64, 4)),
    })
}

/// Makes all calls, and returns those that arrived while the fault was on.
async fn drive(client: Client, scene: &Scene) -> Result<Vec<Ended>, BoxError> {
    let start = Instant::now();
    let mut running = JoinSet::new();
    let mut counted = Vec::new();
    for (number, call) in scene.calls.iter().enumerate() {
        sleep_until(start + call.at).await;
        let trip = Arc::new(Trip::new(number, call.input, call.output));
        let task = one(client.clone(), trip.clone());
        if scene.since_fault(call.at).is_some() {
            running.spawn(async move { Some((trip, task.await)) });
        } else {
            running.spawn(async move {
                task.await;
                None
            });
        }
        while let Some(ended) = running.try_join_next() {
            counted.extend(ended?);
        }
    }
    while let Some(ended) = running.join_next().await {
        counted.extend(ended?);
    }
    Ok(counted)
}

async fn one(client: Client, trip: Arc<Trip>) -> Option<Duration> {
    let began = Instant::now();
    let mut ask = Ask::stream(trip, None);
    ask.call.clamp_deadline(began + DEADLINE);
    let whole = async {
        let mut answer = client.call(ask).await.ok()?;
        let outcome = answer.read().await;
        outcome.is_success().then_some(answer.first_content_at - began)
    };
    timeout_at(began + DEADLINE, whole).await.ok().flatten()
}

/// The means of one arm's runs.
fn summarise(fault: Fault, arm: Arm, rows: &[Row], report: &mut Report) {
    let of = |value: fn(&Row) -> f64| mean(rows.iter().map(value));
    let time_of = |value: fn(&Row) -> Option<f64>| {
        let times: Option<Vec<f64>> = rows.iter().map(value).collect();
        times.map_or("-".to_owned(), |times| format!("{:.2} s", mean(times.into_iter())))
    };
    report.note(format!(
        "{fault:?}, {arm:?}: success {:.4}, first token p50 {}, p99 {}, {:.3} attempts, {:.0} 429s",
        of(|row| row.success),
        time_of(|row| row.first_token_p50_s),
        time_of(|row| row.first_token_p99_s),
        of(|row| row.attempts_per_request),
        of(|row| row.upstream_429.into()),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic;

    /// Five minutes of which the second third is bad.
    fn row(fault: Fault, arm: Arm, seed: u64) -> Row {
        let workload = synthetic::workload(Faults::NAME, seed, 2_000);
        play(fault, arm, seed, &Arc::new(Scene::new(&workload, Duration::from_secs(300)))).unwrap()
    }

    #[test]
    fn a_run_repeats_to_the_bit_and_has_the_fields_in_order() {
        for arm in [Arm::SdkOrder, Arm::All] {
            let line = |seed| serde_json::to_string(&row(Fault::Flapping, arm, seed)).unwrap();
            assert_eq!(line(1), line(1));
            assert_ne!(line(1), line(2));
        }
        let row = Row {
            experiment: "faults",
            fault: Fault::Storm429,
            arm: Arm::NoHedge,
            seed: 1,
            success: 0.5,
            first_token_p50_s: Some(0.5),
            first_token_p99_s: None,
            attempts_per_request: 1.5,
            upstream_429: 7,
            wasted_tokens: Some(0.25),
        };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"faults","fault":"storm_429","arm":"no_hedge","seed":1,"success":0.5,"first_token_p50_s":0.5,"first_token_p99_s":null,"attempts_per_request":1.5,"upstream_429":7,"wasted_tokens":0.25}"#
        );
    }

    #[test]
    fn names_on_the_command_line_are_those_of_the_rows() {
        for fault in Fault::value_variants() {
            let name = fault.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(serde_json::to_value(fault).unwrap(), name);
        }
        for arm in Arm::value_variants() {
            let name = arm.to_possible_value().unwrap().get_name().to_owned();
            assert_eq!(serde_json::to_value(arm).unwrap(), name);
        }
    }

    #[test]
    fn all_layers_together_lose_next_to_nothing_whatever_the_fault() {
        for fault in Fault::value_variants() {
            let all = row(*fault, Arm::All, 1);
            assert!(all.success > 0.96, "{all:?}");
            assert!(all.attempts_per_request < 1.5, "{all:?}");
        }
    }

    #[test]
    fn without_failover_what_an_sdk_can_do_is_wait() {
        let lost = row(Fault::BlackHole, Arm::Sdk, 1);
        assert_eq!((lost.first_token_p99_s, lost.wasted_tokens), (None, None));
        let [sdk, order] = [Arm::Sdk, Arm::SdkOrder].map(|arm| row(Fault::Refuses, arm, 1));
        assert!(sdk.success < 0.1 && order.success > 0.99, "{sdk:?} {order:?}");
        assert!((order.attempts_per_request - 2.0).abs() < 0.01, "{order:?}");
    }

    #[test]
    fn a_storm_is_mostly_avoided_and_only_in_a_storm_there_are_429s() {
        let [order, all] = [Arm::SdkOrder, Arm::All].map(|arm| row(Fault::Storm429, arm, 1).upstream_429);
        assert!(all * 3 <= order && all > 0, "{all} {order}");
        assert_eq!(row(Fault::Errors30, Arm::Sdk, 1).upstream_429, 0);
    }

    #[test]
    fn each_layer_is_missed_where_it_is_needed() {
        let all = |fault| row(fault, Arm::All, 1);
        assert!(row(Fault::BlackHole, Arm::NoTimeouts, 1).success < all(Fault::BlackHole).success);
        assert!(row(Fault::Brownout, Arm::NoBreaker, 1).success < all(Fault::Brownout).success);
        assert!(row(Fault::Refuses, Arm::NoFailover, 1).success < all(Fault::Refuses).success);
        assert!(row(Fault::None, Arm::NoHedge, 1).first_token_p99_s > all(Fault::None).first_token_p99_s);
    }
}
