//! How many calls a client-side token limiter lets through to a 429, and how much of the limit it uses.
//!
//! A trace is replayed against a provider whose token bucket is the truth: it refills at limit / 60 a second, holds
//! max(limit / 60 x `bucket_s`, 15,000), charges a call's input as it is admitted and its output as it ends. The limit is
//! the trace's mean demand over `--load`. The first token comes after 0.4 s, each further one takes 20 ms. The client
//! knows a prompt's size to a lognormal error of sigma 0.2, waits out a refusal's hint, sends a call four times at most
//! and sheds it once it has waited for 60 s. Every arm meets the same calls, errors and foreign traffic.

mod bucket;
mod client;
mod gate;
mod ours;
mod policy;
mod reserve;
mod scene;
mod tally;
mod upstream;
mod window;

use std::ops::RangeInclusive;

use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;

use self::{policy::Policy, scene::Scene, tally::Tally};
use super::Experiment;
use crate::{
    report::{Report, round},
    workload::Source,
};

pub(crate) struct Limiter;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    #[command(flatten)]
    source: Source,
    /// Own demand as a multiple of the limit
    #[arg(long, default_value_t = 1.2, value_parser = positive)]
    load: f64,
    /// Multiplies the client's estimates of the input
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    bias: f64,
    /// Share of foreign traffic on the same key: F / (1 - F) of our own demand comes on top
    #[arg(long, value_name = "F", default_value_t = 0.0, value_parser = share)]
    foreign: f64,
    /// Seconds of the full rate that the provider's bucket holds; may be repeated
    #[arg(long = "bucket", value_name = "SECONDS", default_values_t = [60, 10])]
    buckets: Vec<u32>,
    /// Run these arms alone; may be repeated
    #[arg(long = "policy", value_name = "NAME", value_parser = policy)]
    policies: Vec<Policy>,
}

#[derive(Serialize)]
struct Row {
    experiment: &'static str,
    policy: Policy,
    bucket_s: u32,
    load: f64,
    seed: u64,
    upstream_429: u64,
    utilisation: f64,
    success: f64,
    shed: f64,
    wait_p50_s: f64,
    wait_p99_s: f64,
}

impl Experiment for Limiter {
    const NAME: &'static str = "limiter";
    const ABOUT: &'static str = "429s and use of a token limit, under eight ways to keep within it";
    const SEEDS: RangeInclusive<u64> = 1..=3;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let calls = options.source.open(report)?;
        let policies = if options.policies.is_empty() { Policy::ALL.to_vec() } else { options.policies };
        for seed in seeds {
            let workload = calls.of_seed(Self::NAME, *seed);
            for bucket_s in &options.buckets {
                let scene =
                    Scene::new(&workload, options.load, options.bias, options.foreign, *bucket_s, *seed);
                for policy in &policies {
                    report.row(&row(*policy, *bucket_s, options.load, *seed, &scene.play(*policy)?))?;
                }
            }
        }
        Ok(())
    }
}

fn row(policy: Policy, bucket_s: u32, load: f64, seed: u64, tally: &Tally) -> Row {
    let wait = |q| round(tally.wait(q).unwrap_or(0.0), 3);
    Row {
        experiment: Limiter::NAME,
        policy,
        bucket_s,
        load,
        seed,
        upstream_429: tally.refused,
        utilisation: round(tally.utilisation, 4),
        success: round(tally.success(), 4),
        shed: round(tally.shed(), 4),
        wait_p50_s: wait(0.5),
        wait_p99_s: wait(0.99),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|x: &f64| x.is_finite() && *x > 0.0)
        .ok_or("it must be a number above 0".to_owned())
}

fn share(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|x| (0.0..1.0).contains(x))
        .ok_or("it must be a share from 0 to below 1".to_owned())
}

fn policy(text: &str) -> Result<Policy, String> {
    let name = |policy: &Policy| serde_json::to_value(policy).is_ok_and(|name| name == text);
    Policy::ALL.into_iter().find(name).ok_or_else(|| "it must be an arm's name, as in the rows".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{synthetic, workload::Workload};

    /// Some five minutes.
    fn workload() -> Workload {
        synthetic::workload(Limiter::NAME, 1, 1_500)
    }

    fn play(policy: Policy) -> Tally {
        Scene::new(&workload(), 1.2, 1.0, 0.0, 10, 1).play(policy).unwrap()
    }

    #[test]
    fn a_run_repeats_to_the_bit() {
        for foreign in [0.0, 0.3] {
            let lines = || {
                let scene = Scene::new(&workload(), 1.2, 1.0, foreign, 10, 1);
                let line = |policy| row(policy, 10, 1.2, 1, &scene.play(policy).unwrap());
                Policy::ALL.map(|policy| serde_json::to_string(&line(policy)).unwrap())
            };
            assert_eq!(lines(), lines());
        }
    }

    #[test]
    fn whoever_counts_too_little_is_refused_and_whoever_counts_too_much_wastes() {
        let [none, input, caps] = [Policy::None, Policy::SlidingInput, Policy::MaxTokens].map(play);
        assert!(none.refused > 400 && none.utilisation > 0.9, "{none:?}");
        assert!((1..none.refused).contains(&input.refused), "{input:?}");
        assert!(caps.refused == 0 && caps.utilisation < 0.75, "{caps:?}");
    }

    #[test]
    fn a_refund_drifts_above_the_provider() {
        let drifting = play(Policy::DebitRefund);
        assert!(drifting.refused > 100, "{drifting:?}");
    }

    #[test]
    fn a_hold_does_not() {
        let holding = play(Policy::Hold);
        assert!(holding.refused <= 2 && holding.utilisation > 0.85, "{holding:?}");
    }

    #[test]
    fn a_limit_far_above_the_demand_refuses_nobody() {
        let scene = Scene::new(&workload(), 0.2, 1.0, 0.0, 60, 1);
        for policy in [Policy::None, Policy::SlidingMean, Policy::DebitRefund] {
            let tally = scene.play(policy).unwrap();
            assert_eq!((tally.refused, tally.success(), tally.wait(0.99)), (0, 1.0, Some(0.0)));
        }
    }

    #[test]
    fn foreign_traffic_takes_its_share() {
        let scene = |foreign| Scene::new(&workload(), 0.8, 1.0, foreign, 10, 1);
        let refused = |share| scene(share).play(Policy::None).unwrap().refused;
        assert!(refused(0.5) > 10 * refused(0.0).max(10));
    }

    #[test]
    fn a_row_has_its_fields_in_order() {
        let line = serde_json::to_string(&row(Policy::HoldHeaders, 60, 1.2, 1, &Tally::default())).unwrap();
        let names: Vec<&str> = line.split('"').skip(1).step_by(2).filter(|name| *name != "limiter").collect();
        assert_eq!(
            names,
            [
                "experiment",
                "policy",
                "hold_headers",
                "bucket_s",
                "load",
                "seed",
                "upstream_429",
                "utilisation",
                "success",
                "shed",
                "wait_p50_s",
                "wait_p99_s"
            ]
        );
    }

    #[test]
    fn arms_are_asked_for_by_the_names_in_the_rows() {
        assert_eq!(policy("debit_refund"), Ok(Policy::DebitRefund));
        assert!(policy("DebitRefund").is_err());
        assert!(share("1").is_err() && positive("0").is_err() && positive("NaN").is_err());
    }
}
