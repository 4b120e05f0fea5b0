//! What a layer costs a call that needs nothing of it, beside its peers.
//!
//! Each system wraps the same service, which is always ready and answers at once, and is called in a loop: with a `u64`, and
//! in the variants `x/http` with an HTTP request whose answer is read to its end. In the variants `x/pending` each answer is
//! pending once, and polled again at once, so that a runtime's own work is in nobody's time.
//!
//! The systems of a case and of its variants take turns in short rounds, so that a busy machine's drift hits all alike; `ns`
//! is the median of the rounds, per call, and a ratio to a peer is the median of the rounds' ratios. With two threads both call
//! clones over the same state at the same time, and `ns` is the time that a call takes each of them.
//!
//! `allocs` are heap allocations per call, as the `allocation-counter` crate counts them. Its allocator counts in every
//! round, which costs those who allocate a few nanoseconds each time.
//!
//! The table says how large each system's future is, too. One that is boxed has the size of a pointer or two, and an
//! allocation.

mod breaker;
mod client;
mod failover;
mod floor;
mod hedge;
mod http;
mod inner;
mod limit;
mod retry;
mod rounds;
mod stack;
mod subject;
mod telemetry;
mod timeout;

use std::ops::RangeInclusive;

use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;

use self::{
    inner::{Echo, Later},
    rounds::{Rounds, Sample, Samples},
    subject::Subject,
};
use super::Experiment;
use crate::report::{Report, round};

/// The system that the others are compared with.
const OURS: &str = "buttress";
/// Whose layers do most of what ours do.
const PEER: &str = "tower-resilience";

pub(crate) struct Overhead;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Run these cases alone: `limit`, `limit/http`, or `limit/` for the case and all of its variants; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Run these systems alone; may be repeated
    #[arg(long = "system", value_name = "NAME")]
    systems: Vec<String>,
    /// So many threads on shared state; may be repeated. Without it: one, then two
    #[arg(long = "threads", value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    threads: Vec<u8>,
    /// Rounds of each system
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Calls in a round, at most: a round ends after about 4 ms
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    calls: u32,
}

impl Options {
    fn ask_for(&self, subject: &Subject) -> bool {
        let Subject { case, system, .. } = subject;
        (self.cases.is_empty()
            || self.cases.iter().any(|name| name == case || name.strip_suffix('/') == Some(subject.base())))
            && (self.systems.is_empty() || self.systems.iter().any(|name| name == system))
    }

    fn threads(&self) -> Vec<usize> {
        let asked: Vec<usize> = self.threads.iter().copied().map(usize::from).collect();
        if asked.is_empty() { vec![1, 2] } else { asked }
    }
}

#[derive(Debug, Serialize)]
struct Row {
    experiment: &'static str,
    case: String,
    system: &'static str,
    threads: usize,
    ns: f64,
    allocs: f64,
}

/// What was measured of one system.
struct Measured<'a> {
    subject: &'a Subject,
    threads: usize,
    samples: Samples,
    cost: Sample,
}

impl Measured<'_> {
    fn row(&self) -> Row {
        let Measured { subject: Subject { case, system, .. }, threads, cost, .. } = self;
        Row {
            experiment: Overhead::NAME,
            case: case.clone(),
            system,
            threads: *threads,
            ns: round(cost.ns, 1),
            allocs: round(cost.allocs, 2),
        }
    }
}

impl Experiment for Overhead {
    const NAME: &'static str = "overhead";
    const ABOUT: &'static str =
        "time and allocations that a layer adds to a good call, beside its peers (real clock)";
    /// Nothing is drawn: one run, whatever the seed.
    const SEEDS: RangeInclusive<u64> = 1..=1;

    type Options = Options;

    fn run(options: Options, _: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let subjects: Vec<Subject> = all()?.into_iter().filter(|subject| options.ask_for(subject)).collect();
        if subjects.is_empty() {
            return Err(format!(
                "nothing is called {}",
                [&options.cases[..], &options.systems].concat().join(", ")
            )
            .into());
        }
        let mut all = Vec::new();
        for threads in options.threads() {
            eprintln!("{} systems, {} rounds, threads: {threads}", subjects.len(), options.rounds);
            let rounds = Rounds { repeats: options.rounds, calls: options.calls, threads };
            for case in subjects.chunk_by(|one, other| one.base() == other.base()) {
                for measured in measured(case, &rounds) {
                    report.row(&measured.row())?;
                    all.push(measured);
                }
            }
        }
        ratios(&all, report);
        futures(&subjects, report);
        Ok(())
    }
}

/// A case with its variants.
fn measured<'a>(subjects: &'a [Subject], rounds: &Rounds) -> Vec<Measured<'a>> {
    let threads = rounds.threads;
    let samples = rounds.run(subjects);
    let measured = subjects.iter().zip(samples).filter_map(|(subject, samples)| {
        let Some(cost) = samples.cost() else {
            let Subject { case, system, .. } = subject;
            eprintln!("{case}, {system}: left out, {threads} threads never ran side by side");
            return None;
        };
        Some(Measured { subject, threads, samples, cost })
    });
    measured.collect()
}

/// Each case adds its systems here.
fn all() -> Result<Vec<Subject>, BoxError> {
    let cases = [
        floor::subjects(),
        breaker::subjects("breaker", Echo)?,
        breaker::subjects("breaker/pending", Later)?,
        breaker::variants()?,
        limit::subjects("limit", Echo)?,
        limit::subjects("limit/pending", Later)?,
        limit::variants()?,
        retry::subjects("retry", Echo)?,
        retry::subjects("retry/pending", Later)?,
        hedge::subjects("hedge", Echo)?,
        hedge::subjects("hedge/pending", Later)?,
        failover::subjects("failover", Echo)?,
        failover::subjects("failover/pending", Later)?,
        timeout::subjects("timeout", Echo)?,
        timeout::subjects("timeout/pending", Later)?,
        telemetry::subjects("telemetry", Echo),
        telemetry::subjects("telemetry/pending", Later),
        vec![telemetry::http()?],
        stack::subjects("stack", Echo)?,
        stack::subjects("stack/pending", Later)?,
        stack::variants()?,
        http::subjects()?,
    ];
    let mut subjects: Vec<Subject> = cases.into_iter().flatten().collect();
    let order: Vec<String> = subjects.iter().map(|subject| subject.base().to_owned()).collect();
    // Variants follow their case, wherever they were made.
    subjects.sort_by_key(|subject| order.iter().position(|base| base == subject.base()));
    Ok(subjects)
}

/// What the stack above has to keep for each call.
fn futures(subjects: &[Subject], report: &mut Report) {
    for Subject { case, system, future, .. } in subjects {
        if let Some(bytes) = future {
            report.note(format!("{case}: the future of {system} takes {bytes} bytes"));
        }
    }
}

fn ratios(all: &[Measured<'_>], report: &mut Report) {
    for ours in all.iter().filter(|measured| measured.subject.system == OURS) {
        let (case, threads) = (&ours.subject.case, ours.threads);
        for peer in all.iter().filter(|peer| {
            peer.subject.case == *case && peer.threads == threads && peer.subject.system != OURS
        }) {
            if let Some(ratio) = ours.samples.ratio(&peer.samples) {
                let peer = peer.subject.system;
                report.note(format!(
                    "{case}, threads: {threads}: {OURS} takes {ratio:.2} x the time of {peer}"
                ));
            }
        }
        let same = |other: &&Measured<'_>| other.subject.case == *case && other.subject.system == OURS;
        if let Some(alone) = all.iter().filter(same).find(|other| other.threads == 1 && threads > 1) {
            let factor = ours.cost.ns / alone.cost.ns;
            report.note(format!("{case}: {OURS} takes {factor:.2} x as long on {threads} threads as on one"));
        }
        let bare = |other: &&Measured<'_>| other.subject.case == "floor/http" && other.threads == threads;
        if let Some(bare) = all.iter().find(bare).filter(|_| case.ends_with("/http")) {
            let more = ours.cost.allocs - bare.cost.allocs;
            report.note(format!(
                "{case}, threads: {threads}: {OURS} allocates {more:.0} times more than the client alone"
            ));
        }
    }
}

#[cfg(test)]
mod tests;
