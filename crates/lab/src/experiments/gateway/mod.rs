//! The example gateway as a process of its own, in front of a simulated provider, beside a proxy that does nothing.
//!
//! Every system takes its turn in each round, over the same provider: calls one after the other, calls side by side, and
//! streams. What a system adds is its median of a round less that of the provider alone in the same round.

mod bare;
mod child;
mod load;
mod upstream;

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf};

use buttress_call::BoxError;
use clap::Args;
use serde::Serialize;

use self::{child::Child, load::Load, upstream::Upstream};
use super::Experiment;
use crate::report::{Report, quantile, round};

pub(crate) struct Gateway;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Another gateway that speaks OpenAI's API and is set up in front of the provider at --provider; may be repeated
    #[arg(long = "url", value_name = "URL")]
    urls: Vec<String>,
    /// Where the simulated provider listens
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    provider: SocketAddr,
    /// The gateway's program; without it, the workspace's is built
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// How often each system takes its turn
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Calls of a turn, side by side; a tenth of them one after the other
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(10..))]
    calls: u32,
    /// Streams of a turn
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..))]
    streams: u32,
    /// Serves as the proxy that does nothing, in front of this URL, until it is killed
    #[arg(long, value_name = "URL", hide = true)]
    bare: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    experiment: &'static str,
    system: String,
    p50_added_ms: f64,
    rps: f64,
    /// Of the system's process, a call; `null` where it cannot be known.
    cpu_ms: Option<f64>,
    peak_mib: Option<f64>,
    chunks_per_s: f64,
}

/// A system, and what its turns have shown.
struct System {
    name: String,
    load: Load,
    child: Option<Child>,
    p50_ms: Vec<f64>,
    rps: Vec<f64>,
    cpu_ms: Vec<f64>,
    chunks_per_s: Vec<f64>,
}

impl Experiment for Gateway {
    const NAME: &'static str = "gateway";
    const ABOUT: &'static str =
        "the example gateway in a process of its own, beside a bare proxy (real clock)";
    /// Nothing is drawn.
    const SEEDS: RangeInclusive<u64> = 1..=1;

    type Options = Options;

    fn run(options: Options, _: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        match &options.bare {
            Some(provider) => runtime.block_on(bare::serve(provider)),
            None => runtime.block_on(measure(&options, report)),
        }
    }
}

async fn measure(options: &Options, report: &mut Report) -> Result<(), BoxError> {
    let provider = Upstream::start(options.provider).await?;
    let url = provider.url();
    let program = match &options.program {
        Some(program) => program.clone(),
        None => child::build()?,
    };
    let mut systems = vec![
        System::new("provider", url.clone(), None),
        System::of("bare", Child::bare(&url).await?),
        System::of("buttress", Child::gateway(&program, &url).await?),
    ];
    systems.extend(options.urls.iter().map(|url| System::new(url, url.clone(), None)));
    if !options.urls.is_empty() {
        report.note(format!("the provider listened on {url}"));
    }
    // Pools, caches and branch predictors.
    for system in &systems {
        system.load.side_by_side(options.calls / 4).await?;
    }
    for _ in 0..options.rounds {
        for system in &mut systems {
            system.turn(options).await?;
        }
    }
    let alone = systems[0].p50_ms.clone();
    for system in &systems {
        report.row(&system.row(&alone))?;
    }
    ratios(&systems, &alone, report);
    Ok(())
}

impl System {
    fn new(name: &str, url: String, child: Option<Child>) -> Self {
        let (p50_ms, rps, cpu_ms, chunks_per_s) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        System { name: name.to_owned(), load: Load::new(url), child, p50_ms, rps, cpu_ms, chunks_per_s }
    }

    fn of(name: &str, child: Child) -> Self {
        Self::new(name, child.url().to_owned(), Some(child))
    }

    async fn turn(&mut self, options: &Options) -> Result<(), BoxError> {
        self.p50_ms.push(self.load.one_by_one(options.calls / 10).await?);
        let before = self.child.as_ref().and_then(Child::cpu);
        self.rps.push(self.load.side_by_side(options.calls).await?);
        let used = self
            .child
            .as_ref()
            .and_then(Child::cpu)
            .zip(before)
            .map(|(after, before)| after.saturating_sub(before));
        self.cpu_ms.extend(used.map(|used| used.as_secs_f64() * 1e3 / f64::from(options.calls)));
        self.chunks_per_s.push(self.load.streams(options.streams).await?);
        Ok(())
    }

    fn added_ms(&self, alone: &[f64]) -> f64 {
        median(self.p50_ms.iter().zip(alone).map(|(own, alone)| own - alone).collect())
    }

    fn row(&self, alone: &[f64]) -> Row {
        Row {
            experiment: Gateway::NAME,
            system: self.name.clone(),
            p50_added_ms: round(self.added_ms(alone), 4),
            rps: round(median(self.rps.clone()), 0),
            cpu_ms: (!self.cpu_ms.is_empty()).then(|| round(median(self.cpu_ms.clone()), 4)),
            peak_mib: self.child.as_ref().and_then(Child::peak_mib).map(|mib| round(mib, 1)),
            chunks_per_s: round(median(self.chunks_per_s.clone()), 0),
        }
    }
}

/// What the gateway takes beside the proxy that does nothing.
fn ratios(systems: &[System], alone: &[f64], report: &mut Report) {
    let find = |name: &str| systems.iter().find(|system| system.name == name);
    let Some((bare, buttress)) = find("bare").zip(find("buttress")) else { return };
    if !bare.cpu_ms.is_empty() {
        let cpu = buttress.cpu_ms.iter().zip(&bare.cpu_ms).map(|(own, bare)| own / bare);
        report.note(format!("cpu of buttress over bare: {:.2}", median(cpu.collect())));
    }
    let added = buttress.added_ms(alone) / bare.added_ms(alone);
    report.note(format!("p50 added by buttress over bare: {added:.2}"));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5).unwrap_or(0.0)
}
