//! Experiments and benchmarks of Buttress's layers, beside their peers.
//!
//! Every claim that the project makes in numbers is measured here, by one binary that also holds the baselines, so that
//! both sides of a comparison run on the same machine, in the same workload, under the same clock.

mod chat;
mod clock;
mod csv;
mod experiments;
mod random;
mod report;
mod seed;
mod synthetic;
mod trace;
mod workload;

use std::process::ExitCode;

use buttress_call::BoxError;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use experiments::{Entry, REGISTRY};
use report::Report;
use seed::Seeds;

/// What every experiment is told.
#[derive(Args, Debug)]
struct Common {
    /// A seed, or a range of them such as 1..=3; may be repeated. Without it, the experiment's own
    #[arg(long = "seed", value_name = "N")]
    seeds: Vec<Seeds>,
    /// One JSON object a line instead of a table
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    if matches.get_flag("list") {
        for entry in REGISTRY {
            println!("{:<10} {}", entry.name, entry.about);
        }
        return ExitCode::SUCCESS;
    }
    match matches.subcommand().map(|(name, matches)| run(name, matches)) {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        None => {
            let _ = command().print_help();
            ExitCode::from(2)
        }
    }
}

fn command() -> Command {
    let list = Arg::new("list").long("list").action(ArgAction::SetTrue).help("Print the experiments' names");
    let root = Command::new("buttress-lab")
        .about("Experiments and benchmarks of Buttress's layers, beside their peers")
        .subcommand_value_name("EXPERIMENT")
        .subcommand_help_heading("Experiments")
        .disable_help_subcommand(true)
        .arg(list);
    REGISTRY.iter().fold(root, |root, entry| {
        let options = (entry.augment)(Common::augment_args(Command::new(entry.name)));
        // Last, because clap takes the docs of the options' structs for it.
        root.subcommand(options.about(entry.about).long_about(None))
    })
}

fn run(name: &str, matches: &ArgMatches) -> Result<(), BoxError> {
    let entry: &Entry = REGISTRY
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| format!("no experiment is called {name:?}"))?;
    let common = Common::from_arg_matches(matches)?;
    let seeds = seed::all(&common.seeds, &entry.seeds);
    let mut report = Report::new(common.json);
    (entry.run)(matches, &seeds, &mut report)?;
    report.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        command().debug_assert();
    }

    #[test]
    fn every_experiment_takes_the_common_options() {
        for entry in REGISTRY {
            let line = ["buttress-lab", entry.name, "--seed", "7", "--seed", "1..=3", "--json"];
            let matches = command().try_get_matches_from(line).unwrap();
            let common = Common::from_arg_matches(matches.subcommand().unwrap().1).unwrap();
            assert_eq!(seed::all(&common.seeds, &entry.seeds), [7, 1, 2, 3]);
            assert!(common.json);
            let command = command();
            let about = command.find_subcommand(entry.name).and_then(Command::get_about).unwrap();
            assert_eq!(about.to_string(), entry.about);
        }
    }
}
