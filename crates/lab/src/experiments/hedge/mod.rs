//! What hedging makes of the tail of time to first token, and how many extra calls it takes.
//!
//! 40,000 calls arrive as a Poisson process, 10 a second, at a provider that answers each try after a time drawn from a
//! model: `heavy` is lognormal with median 0.5 s and sigma 0.35, of which 4 % take U(3, 10) times as long and 0.5 % take
//! U(20, 60) s instead; `stragglers` is the same lognormal, of which 5 % take 10 times as long; `brownout` is `heavy`,
//! ten times as slow for what is sent from 1,000 s on, and its rows are of the calls that begin in the first 60 s after;
//! `endpoint:NAME` draws from measured times.
//!
//! Arm `none` waits. Arm `tower` is tower's `Hedge` at the 0.95 quantile, arm `buttress` our layer with a budget of 5 %.
//! A try that lost is dropped. `extra` is the share of the calls that were tried twice, as the provider counts them.

mod arm;
mod measured;
mod model;
mod traffic;
mod upstream;

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};

use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;

use self::{
    arm::{Answer, Arm},
    model::{Model, Name},
};
use super::Experiment;
use crate::{
    clock,
    report::{Report, mean, quantile, round},
};

pub(super) use self::model::usual;

const CALLS: usize = 40_000;

pub(crate) struct Hedge;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// heavy, stragglers, brownout or endpoint:NAME; may be repeated. Without it, the first three
    #[arg(long = "model", value_name = "NAME")]
    models: Vec<Name>,
    /// Measured times for endpoint:NAME, a CSV with the columns `endpoint`, `ttft_s` and `error_code`
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Share of the calls that are as slow as their request makes them: a second try takes as long
    #[arg(long, value_name = "R", default_value_t = 0.0, value_parser = share)]
    inherent: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    experiment: &'static str,
    model: String,
    arm: Arm,
    seed: u64,
    p50_s: f64,
    p95_s: f64,
    p99_s: f64,
    p999_s: f64,
    extra: f64,
}

impl Experiment for Hedge {
    const NAME: &'static str = "hedge";
    const ABOUT: &'static str = "the tail of time to first token, and the extra calls that shorten it";
    const SEEDS: RangeInclusive<u64> = 1..=5;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let Options { models, trace, inherent } = options;
        let models = if models.is_empty() { Name::DRAWN.to_vec() } else { models };
        if trace.is_some() && !models.iter().any(Name::is_measured) {
            return Err("a --trace is for --model endpoint:NAME".into());
        }
        if inherent > 0.0 {
            report.heading(format!("inherent: {inherent}"));
        }
        // All of them before the first run: what is missing is said at once.
        let open = |name| Model::open(name, trace.as_deref(), report).map(Arc::new);
        let models: Vec<Arc<Model>> = models.into_iter().map(open).collect::<Result<_, _>>()?;
        for model in models {
            let mut rows = Vec::new();
            for arm in Arm::ALL {
                for seed in seeds {
                    let row = play(arm, &model, *seed, inherent, CALLS)?;
                    report.row(&row)?;
                    rows.push(row);
                }
            }
            summarise(&rows, report);
        }
        Ok(())
    }
}

fn play(arm: Arm, model: &Arc<Model>, seed: u64, inherent: f64, count: usize) -> Result<Row, BoxError> {
    let calls = traffic::calls(model, seed, inherent, count);
    let answers = clock::simulate(arm.play(model.clone(), &calls))?;
    let counted: Vec<Answer> = calls
        .iter()
        .zip(answers)
        .filter(|(call, _)| model.counts(call.at))
        .map(|(_, answer)| answer)
        .collect();
    let mut times: Vec<f64> = counted.iter().map(|answer| answer.time.as_secs_f64()).collect();
    times.sort_by(f64::total_cmp);
    let hedges: usize = counted.iter().map(|answer| answer.hedges).sum();
    let at = |q| quantile(&times, q).map(|time| round(time, 3)).ok_or("no call counts");
    Ok(Row {
        experiment: Hedge::NAME,
        model: model.name.to_string(),
        arm,
        seed,
        p50_s: at(0.5)?,
        p95_s: at(0.95)?,
        p99_s: at(0.99)?,
        p999_s: at(0.999)?,
        extra: round(hedges as f64 / counted.len() as f64, 4),
    })
}

/// The means of one model's arms.
fn summarise(rows: &[Row], report: &mut Report) {
    let mean_of = |arm, value: fn(&Row) -> f64| mean(rows.iter().filter(|row| row.arm == arm).map(value));
    let plain = (mean_of(Arm::None, |row| row.p99_s), mean_of(Arm::None, |row| row.p999_s));
    let Some(Row { model, .. }) = rows.first() else { return };
    for arm in Arm::ALL {
        let (p99, p999) = (mean_of(arm, |row| row.p99_s), mean_of(arm, |row| row.p999_s));
        report.note(format!(
            "{model}, {arm:?}: p99 {p99:.2} s, {:.3} x; p99.9 {p999:.2} s, {:.3} x; {:.2} % extra",
            p99 / plain.0,
            p999 / plain.1,
            100.0 * mean_of(arm, |row| row.extra),
        ));
    }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse().ok().filter(|x| (0.0..=1.0).contains(x)).ok_or("it must be a share from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(arm: Arm, seed: u64, inherent: f64) -> Row {
        let model = Model::open(Name::Heavy, None, &mut Report::default()).unwrap();
        play(arm, &Arc::new(model), seed, inherent, 4_000).unwrap()
    }

    #[test]
    fn a_run_repeats_to_the_bit_and_has_the_fields_in_order() {
        for arm in Arm::ALL {
            let line = |seed| serde_json::to_string(&row(arm, seed, 0.0)).unwrap();
            assert_eq!(line(1), line(1));
            assert_ne!(line(1), line(2));
        }
        let row = Row {
            experiment: "hedge",
            model: Name::Endpoint("a".to_owned()).to_string(),
            arm: Arm::Buttress,
            seed: 1,
            p50_s: 0.5,
            p95_s: 1.0,
            p99_s: 2.0,
            p999_s: 4.0,
            extra: 0.05,
        };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"hedge","model":"endpoint:a","arm":"buttress","seed":1,"p50_s":0.5,"p95_s":1.0,"p99_s":2.0,"p999_s":4.0,"extra":0.05}"#
        );
    }

    #[test]
    fn only_those_who_hedge_call_twice_and_only_we_keep_a_budget() {
        let [none, tower, buttress] = Arm::ALL.map(|arm| row(arm, 1, 0.0));
        assert!(none.extra <= 0.0, "{}", none.extra);
        assert!(tower.extra > 0.06, "{}", tower.extra);
        assert!(buttress.extra > 0.04 && buttress.extra <= 0.0525, "{}", buttress.extra);
        assert!(buttress.p99_s < 0.6 * none.p99_s, "{} {}", buttress.p99_s, none.p99_s);
    }

    #[test]
    fn what_belongs_to_the_request_is_not_mended() {
        let all = row(Arm::Buttress, 1, 1.0);
        let none = row(Arm::None, 1, 0.0);
        assert_eq!(all.p99_s.to_bits(), none.p99_s.to_bits(), "{} {}", all.p99_s, none.p99_s);
        assert!(all.extra > 0.03, "{}", all.extra);
    }

    #[test]
    fn a_trace_that_nothing_reads_is_refused() {
        let options = Options { models: vec![Name::Heavy], trace: Some("a.csv".into()), inherent: 0.0 };
        let error = Hedge::run(options, &[1], &mut Report::default()).unwrap_err();
        assert_eq!(error.to_string(), "a --trace is for --model endpoint:NAME");
    }
}
