//! The calls that an experiment replays: a trace's, or a synthetic workload like it.

use std::{path::PathBuf, time::Duration};

use buttress_call::BoxError;
use clap::Args;

use crate::{report::Report, synthetic, trace};

/// One call: when it begins, and what it turns out to cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// From the workload's start.
    pub(crate) at: Duration,
    /// Tokens of the prompt.
    pub(crate) input: u64,
    /// Tokens generated.
    pub(crate) output: u64,
}

/// Calls in the order of their arrival; the first begins at zero. There are at least two, and they take some time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) calls: Vec<Arrival>,
}

impl Workload {
    /// From the first arrival to the last.
    pub(crate) fn duration(&self) -> Duration {
        self.calls.last().map_or(Duration::ZERO, |call| call.at)
    }

    /// All tokens, in and out.
    pub(crate) fn tokens(&self) -> u64 {
        self.calls.iter().map(|call| call.input + call.output).sum()
    }

    /// Tokens a second.
    pub(crate) fn demand(&self) -> f64 {
        self.tokens() as f64 / self.duration().as_secs_f64()
    }

    /// Calls a second.
    pub(crate) fn rate(&self) -> f64 {
        self.calls.len() as f64 / self.duration().as_secs_f64()
    }

    pub(crate) fn mean_output(&self) -> f64 {
        self.calls.iter().map(|call| call.output).sum::<u64>() as f64 / self.calls.len() as f64
    }
}

/// The option of experiments that replay calls.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// A trace in the format of the Azure LLM inference traces. Without it, a synthetic workload fitted to the Azure
    /// conversation trace of 2023
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl Source {
    /// Reads the trace, if there is one, and says in the report's heading which workload it is.
    pub(crate) fn open(&self, report: &mut Report) -> Result<Calls, BoxError> {
        let Some(path) = &self.trace else {
            report.heading("workload: synthetic, after the Azure conversation trace of 2023".to_owned());
            return Ok(Calls::Synthetic);
        };
        let (workload, sha256) = trace::read(path)?;
        report.heading(format!("workload: trace sha256:{sha256}"));
        Ok(Calls::Trace(workload))
    }
}

/// Where the calls of a seed come from.
#[derive(Debug)]
pub(crate) enum Calls {
    /// The same for every seed.
    Trace(Workload),
    /// Drawn anew for each seed.
    Synthetic,
}

impl Calls {
    pub(crate) fn of_seed(&self, experiment: &str, seed: u64) -> Workload {
        match self {
            Calls::Trace(workload) => workload.clone(),
            Calls::Synthetic => synthetic::workload(experiment, seed, synthetic::CALLS),
        }
    }
}
