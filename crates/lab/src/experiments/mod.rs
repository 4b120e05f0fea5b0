//! The experiments. A new one is a file (or folder) here, its `mod` line, and its line in [`REGISTRY`].

mod affinity;
mod balance;
mod faults;
mod gateway;
mod hedge;
mod limiter;
mod overhead;
mod retry;
mod storm;
mod stream;

use std::ops::RangeInclusive;

use buttress_call::BoxError;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::report::Report;

/// Every experiment, in the order in which `--list` prints them.
pub(crate) const REGISTRY: &[Entry] = &[
    entry::<limiter::Limiter>(),
    entry::<retry::Retry>(),
    entry::<storm::Storm>(),
    entry::<hedge::Hedge>(),
    entry::<faults::Faults>(),
    entry::<balance::Balancing>(),
    entry::<affinity::Affine>(),
    entry::<overhead::Overhead>(),
    entry::<stream::Streams>(),
    entry::<gateway::Gateway>(),
];

/// One experiment: a name, its own options, and a run over some seeds.
pub(crate) trait Experiment {
    /// As it is called on the command line, and in the rows.
    const NAME: &'static str;
    /// One line for `--list`.
    const ABOUT: &'static str;
    /// The seeds of a run that names none.
    const SEEDS: RangeInclusive<u64>;

    /// The experiment's own options.
    type Options: Args;

    /// Runs it and reports its rows.
    fn run(options: Self::Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError>;
}

/// An [`Experiment`] with its types erased.
pub(crate) struct Entry {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) seeds: RangeInclusive<u64>,
    pub(crate) augment: fn(Command) -> Command,
    pub(crate) run: fn(&ArgMatches, &[u64], &mut Report) -> Result<(), BoxError>,
}

const fn entry<E: Experiment>() -> Entry {
    Entry {
        name: E::NAME,
        about: E::ABOUT,
        seeds: E::SEEDS,
        augment: E::Options::augment_args,
        run: |matches, seeds, report| E::run(E::Options::from_arg_matches(matches)?, seeds, report),
    }
}
