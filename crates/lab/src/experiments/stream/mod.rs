//! What watching a stream costs after its first content, beside the crate that most clients read events with, and beside
//! copying the bytes.
//!
//! A stream's frames carry one token each, as the providers send them; they come in pieces that are cut without regard to
//! frames. The systems of a case take turns in short rounds over the same pieces; `gb_per_s` is from the median of the
//! rounds. `allocs_per_frame` are heap allocations as the `allocation-counter` crate counts them.

mod amazon;
mod frames;
mod systems;

use std::ops::RangeInclusive;

use allocation_counter::measure;
use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;
use tokio::time::Instant;

use self::{frames::Case, systems::System};
use super::Experiment;
use crate::{
    report::{Report, round},
    seed::generator,
};

pub(crate) struct Streams;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Run these cases alone; may be repeated
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<String>,
    /// Run these systems alone; may be repeated
    #[arg(long = "system", value_name = "NAME")]
    systems: Vec<String>,
    /// Rounds of each system
    #[arg(long, default_value_t = 101, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Frames of a stream
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..))]
    frames: u32,
    /// Bytes of a piece
    #[arg(long, default_value_t = 16 << 10, value_parser = clap::value_parser!(u32).range(1..))]
    piece: u32,
}

#[derive(Debug, Serialize)]
struct Row {
    experiment: &'static str,
    case: &'static str,
    system: &'static str,
    gb_per_s: f64,
    allocs_per_frame: f64,
}

/// A system, past a stream's first content, and what its rounds took.
struct Runner {
    system: Box<dyn System>,
    seconds: Vec<f64>,
    allocs: u64,
}

impl Experiment for Streams {
    const NAME: &'static str = "stream";
    const ABOUT: &'static str =
        "watching a stream after its first content, beside eventsource-stream (real clock)";
    /// It draws the tokens.
    const SEEDS: RangeInclusive<u64> = 1..=1;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let asked = |names: &[String], name| names.is_empty() || names.iter().any(|asked| asked == name);
        for seed in seeds {
            for case in frames::CASES.iter().filter(|case| asked(&options.cases, case.name)) {
                run_case(case, *seed, &options, report)?;
            }
        }
        Ok(())
    }
}

fn run_case(case: &Case, seed: u64, options: &Options, report: &mut Report) -> Result<(), BoxError> {
    let mut random = generator(Streams::NAME, case.name, seed, "tokens");
    let count = options.frames as usize;
    let stream: Vec<u8> = (0..count).flat_map(|_| case.frame(&mut random)).collect();
    let pieces: Vec<&[u8]> = stream.chunks(options.piece as usize).collect();
    let start = case.frame(&mut random);
    let systems = systems::of(case, &start);
    let mut runners: Vec<Runner> = systems
        .into_iter()
        .filter(|system| {
            options.systems.is_empty() || options.systems.iter().any(|name| name == system.name())
        })
        .map(|system| Runner { system, seconds: Vec::new(), allocs: 0 })
        .collect();
    // The first round warms up.
    for round in 0..=options.rounds {
        for runner in &mut runners {
            let begun = Instant::now();
            let mut found = None;
            let allocations = measure(|| found = runner.system.pass(&pieces));
            let seconds = begun.elapsed().as_secs_f64();
            if found.is_some_and(|found| found != count) {
                let system = runner.system.name();
                return Err(format!("{}: {system} found {found:?} frames of {count}", case.name).into());
            }
            if round > 0 {
                runner.seconds.push(seconds);
                runner.allocs += allocations.count_total;
            }
        }
    }
    for Runner { system, mut seconds, allocs } in runners {
        seconds.sort_by(f64::total_cmp);
        let median = seconds[seconds.len() / 2];
        let frames = f64::from(options.rounds) * f64::from(options.frames);
        report.row(&Row {
            experiment: Streams::NAME,
            case: case.name,
            system: system.name(),
            gb_per_s: round(stream.len() as f64 / median / 1e9, 2),
            allocs_per_frame: round(allocs as f64 / frames, 3),
        })?;
    }
    report.note(format!("{}: {} bytes a frame", case.name, stream.len() / count));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_read_frame_by_frame_and_without_allocating() {
        for case in frames::CASES {
            let mut random = generator(Streams::NAME, case.name, 1, "tokens");
            let stream: Vec<u8> = (0..500).flat_map(|_| case.frame(&mut random)).collect();
            let bytes = stream.len() / 500;
            assert!((100..=350).contains(&bytes), "{}: {bytes} bytes", case.name);
            for mut system in systems::of(case, &case.frame(&mut random)) {
                for piece in [7, 4096] {
                    let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
                    let found = system.pass(&pieces);
                    assert!(found.is_none_or(|found| found == 500), "{} {}", case.name, system.name());
                    let counted = measure(|| assert_eq!(system.pass(&pieces), found));
                    if system.name() != systems::PEER {
                        assert_eq!(counted.count_total, 0, "{} {}", case.name, system.name());
                    }
                }
            }
        }
    }
}
