//! What jitter is worth when clients contend.
//!
//! AWS's contention model: clients that all want to write one row once, by optimistic concurrency control, with a
//! network of N(10, 2) ms, a base of 5 ms and a cap of 2,000 ms. `calls` are the writes tried, `time_s` is the time at
//! which the last client is done. Arms `none` and `exponential` are the lab's own; `full`, `equal`, `decorrelated` and
//! `proportional` run our retry layer around the transaction.
//!
//! The model runs 1,000 times slower than it says, and `time_s` is scaled back: tokio's timers tick in milliseconds, and
//! who comes first must not be decided by rounding.

mod occ;
mod ours;

use std::{ops::RangeInclusive, time::Duration};

use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Layer, Service, ServiceExt};

use self::occ::{Row as Contended, Transaction};
use super::Experiment;
use crate::{
    clock,
    report::{Report, mean, round},
    seed::generator,
};

const SCALE: u32 = 1_000;
/// The model's first wait: it counts failures from one, so that is twice its base of 5 ms.
const FIRST: Duration = Duration::from_millis(10);
const CAP: Duration = Duration::from_secs(2);

pub(crate) struct Retry;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// How many contend
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Policy {
    None,
    Exponential,
    Equal,
    Full,
    Decorrelated,
    Proportional,
}

#[derive(Serialize)]
struct Row {
    experiment: &'static str,
    policy: Policy,
    clients: u32,
    seed: u64,
    calls: u64,
    time_s: f64,
}

impl Policy {
    const ALL: [Policy; 6] = [
        Policy::None,
        Policy::Exponential,
        Policy::Equal,
        Policy::Full,
        Policy::Decorrelated,
        Policy::Proportional,
    ];
}

impl Experiment for Retry {
    const NAME: &'static str = "retry";
    const ABOUT: &'static str = "calls and time that clients contending for one row need, by backoff";
    const SEEDS: RangeInclusive<u64> = 1..=10;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let mut means: Vec<(Policy, f64, f64)> = Vec::new();
        for policy in Policy::ALL {
            let rows: Vec<Row> =
                seeds.iter().map(|seed| play(policy, options.clients, *seed)).collect::<Result<_, _>>()?;
            for row in &rows {
                report.row(row)?;
            }
            let calls = mean(rows.iter().map(|row| row.calls as f64));
            means.push((policy, calls, mean(rows.iter().map(|row| row.time_s))));
        }
        summarise(&means, report);
        Ok(())
    }
}

fn play(policy: Policy, clients: u32, seed: u64) -> Result<Row, BoxError> {
    let (calls, time) = clock::simulate(contend(policy, clients, seed))?;
    let time_s = round(time.as_secs_f64() / f64::from(SCALE), 3);
    Ok(Row { experiment: Retry::NAME, policy, clients, seed, calls, time_s })
}

/// The writes that it took, and the scaled time.
async fn contend(policy: Policy, clients: u32, seed: u64) -> Result<(u64, Duration), BoxError> {
    let (start, row) = (Instant::now(), Contended::default());
    let layer = ours::layer(policy, seed)?;
    let mut tasks = JoinSet::new();
    for client in 0..clients {
        let net = generator(Retry::NAME, "contention", seed, &format!("network of client {client}"));
        let transaction = Transaction::new(row.clone(), net);
        match &layer {
            Some(layer) => tasks.spawn(layer.layer(transaction).oneshot(())),
            None => tasks.spawn(persist(policy, transaction)),
        };
    }
    for written in tasks.join_all().await {
        written.map_err(|error| format!("a client gave up: {error}"))?;
    }
    Ok((row.writes(), start.elapsed()))
}

/// The lab's own arms: try until it works, at once or after an exponential wait.
async fn persist(policy: Policy, mut transaction: Transaction) -> Result<(), BoxError> {
    let mut wait = FIRST;
    while transaction.ready().await?.call(()).await.is_err() {
        if policy == Policy::Exponential {
            sleep(scaled(wait)).await;
            wait = CAP.min(2 * wait);
        }
    }
    Ok(())
}

fn summarise(means: &[(Policy, f64, f64)], report: &mut Report) {
    let plain = means.iter().find(|(policy, ..)| *policy == Policy::Exponential);
    let Some((_, plain_calls, plain_time)) = plain else { return };
    for (policy, calls, time) in means {
        report.note(format!(
            "{policy:?}: {calls:.0} calls in {time:.2} s, {:.2} x the calls and {:.3} x the time of Exponential",
            calls / plain_calls,
            time / plain_time,
        ));
    }
}

fn scaled(time: Duration) -> Duration {
    time * SCALE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_repeats_to_the_bit_and_has_the_fields_in_order() {
        let line = |seed| serde_json::to_string(&play(Policy::Full, 10, seed).unwrap()).unwrap();
        assert_eq!(line(1), line(1));
        assert_ne!(line(1), line(2));
        let row = Row {
            experiment: "retry",
            policy: Policy::None,
            clients: 100,
            seed: 1,
            calls: 2_426,
            time_s: 2.0,
        };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"retry","policy":"none","clients":100,"seed":1,"calls":2426,"time_s":2.0}"#
        );
    }

    #[test]
    fn one_client_writes_once() {
        for policy in Policy::ALL {
            let row = play(policy, 1, 1).unwrap();
            assert_eq!(row.calls, 1);
            assert!((0.02..0.08).contains(&row.time_s), "{}", row.time_s);
        }
    }

    #[test]
    fn whoever_does_not_wait_calls_most_and_whoever_does_not_jitter_waits_longest() {
        let [none, exponential, full] =
            [Policy::None, Policy::Exponential, Policy::Full].map(|policy| play(policy, 30, 1).unwrap());
        assert!(none.calls > full.calls && exponential.calls > full.calls);
        assert!(exponential.time_s > 2.0 * full.time_s);
    }
}
