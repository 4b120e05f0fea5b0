//! What a layer costs a call that needs nothing of it, beside its peers.
//!
//! Each system wraps the same service, which is always ready and answers at once, and is called with a `u64` in a loop
//! on tokio's runtime. Systems take turns in short rounds, so that a busy machine's drift hits all alike; `ns` is the
//! median of the rounds, per call. With two threads both call clones over the same state at the same time, and `ns` is
//! the time that a call takes each of them.
//!
//! `allocs` are heap allocations per call, as the `allocation-counter` crate counts them. Its allocator counts in every
//! round, which costs those who allocate a few nanoseconds each time.
//!
//! The table says how large each system's future is, too. One that is boxed has the size of a pointer or two, and an
//! allocation.

mod breaker;
mod failover;
mod floor;
mod hedge;
mod inner;
mod limit;
mod retry;
mod rounds;
mod subject;
mod timeout;

use std::ops::RangeInclusive;

use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;

use self::{
    rounds::{Rounds, Sample},
    subject::Subject,
};
use super::Experiment;
use crate::report::{Report, round};

/// The system that the others are compared with.
const OURS: &str = "buttress";

pub(crate) struct Overhead;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Run these cases alone; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Rounds of each system
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Calls in a round
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
}

#[derive(Debug, Serialize)]
struct Row {
    experiment: &'static str,
    case: &'static str,
    system: &'static str,
    threads: usize,
    ns: f64,
    allocs: f64,
}

impl Experiment for Overhead {
    const NAME: &'static str = "overhead";
    const ABOUT: &'static str =
        "time and allocations that a layer adds to a good call, beside its peers (real clock)";
    /// Nothing is drawn: one run, whatever the seed.
    const SEEDS: RangeInclusive<u64> = 1..=1;

    type Options = Options;

    fn run(options: Options, _: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let asked = |case: &str| options.cases.is_empty() || options.cases.iter().any(|name| name == case);
        let subjects: Vec<Subject> = all()?.into_iter().filter(|subject| asked(subject.case)).collect();
        if subjects.is_empty() {
            return Err(format!("no such case: {}", options.cases.join(", ")).into());
        }
        let mut rows = Vec::new();
        for threads in [1, 2] {
            eprintln!("{} systems, {} rounds, threads: {threads}", subjects.len(), options.rounds);
            let costs = Rounds { repeats: options.rounds, calls: options.calls, threads }.run(&subjects);
            for (subject, cost) in subjects.iter().zip(costs) {
                let Subject { case, system, .. } = subject;
                let Some(Sample { ns, allocs }) = cost else {
                    eprintln!("{case}, {system}: left out, {threads} threads never ran side by side");
                    continue;
                };
                let (ns, allocs) = (round(ns, 1), round(allocs, 2));
                rows.push(Row { experiment: Self::NAME, case, system, threads, ns, allocs });
            }
        }
        for row in &rows {
            report.row(row)?;
        }
        ratios(&rows, report);
        futures(&subjects, report);
        Ok(())
    }
}

/// Each case adds its systems here.
fn all() -> Result<Vec<Subject>, BoxError> {
    let cases = [
        floor::subjects(),
        breaker::subjects()?,
        limit::subjects()?,
        retry::subjects()?,
        hedge::subjects()?,
        failover::subjects()?,
        timeout::subjects()?,
    ];
    Ok(cases.into_iter().flatten().collect())
}

/// What the stack above has to keep for each call.
fn futures(subjects: &[Subject], report: &mut Report) {
    for Subject { case, system, future, .. } in subjects {
        if let Some(bytes) = future {
            report.note(format!("{case}: the future of {system} takes {bytes} bytes"));
        }
    }
}

fn ratios(rows: &[Row], report: &mut Report) {
    for ours in rows.iter().filter(|row| row.system == OURS) {
        let same = |row: &&Row| row.case == ours.case && row.threads == ours.threads && row.system != OURS;
        for peer in rows.iter().filter(same) {
            let Row { case, system, threads, .. } = peer;
            report.note(format!(
                "{case}, threads: {threads}: {OURS} takes {:.2} x the time of {system}",
                ours.ns / peer.ns
            ));
        }
        let alone = |row: &&Row| row.case == ours.case && row.system == OURS && row.threads == 1;
        if let Some(alone) = rows.iter().find(alone).filter(|_| ours.threads > 1) {
            let factor = ours.ns / alone.ns;
            report.note(format!(
                "{}: {OURS} takes {factor:.2} x as long on {} threads as on one",
                ours.case, ours.threads
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_our_layer_and_a_peer_and_runs() {
        let subjects = all().unwrap();
        for threads in [1, 2] {
            let costs = Rounds { repeats: 1, calls: 200, threads }.run(&subjects);
            // A busy machine may not run two threads at once.
            assert!(costs.iter().all(|cost| cost.map_or(threads == 2, |cost| cost.ns > 0.0)));
        }
        for case in ["breaker", "limit", "retry", "hedge", "failover", "timeout"] {
            let systems =
                subjects.iter().filter(|subject| subject.case == case).map(|subject| subject.system);
            let (ours, peers): (Vec<_>, Vec<_>) = systems.partition(|system| *system == OURS);
            assert!(ours.len() == 1 && peers.len() >= 2, "{case}");
        }
    }

    #[test]
    fn our_layers_allocate_nothing_for_a_good_call() {
        let subjects = all().unwrap();
        let costs = Rounds { repeats: 1, calls: 2_000, threads: 1 }.run(&subjects);
        for (subject, cost) in subjects.iter().zip(costs).filter(|(subject, _)| subject.system == OURS) {
            let allocs = cost.expect("one thread always runs").allocs;
            assert!(allocs < 0.005, "{}: {allocs}", subject.case);
        }
    }

    #[test]
    fn a_row_has_its_fields_in_order() {
        let row =
            Row { experiment: "overhead", case: "breaker", system: OURS, threads: 1, ns: 35.0, allocs: 0.0 };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"overhead","case":"breaker","system":"buttress","threads":1,"ns":35.0,"allocs":0.0}"#
        );
    }
}
