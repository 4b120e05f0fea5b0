//! A provider fails in eight ways, and two clients meet it at once: a bare one that retries as the vendors' SDKs do, and
//! one behind a Buttress stack with two more providers to go to. Everything runs on real sockets, on loopback.
//!
//! ```sh
//! cargo run --release --example drill              # a table at the end, after about 50 s
//! cargo run --release --example drill -- --json    # one JSON object per phase and arm
//! cargo run --release --example drill -- --html drill.html
//! ```

mod arm;
mod bare;
mod call;
mod fleet;
mod live;
mod load;
mod page;
mod phase;
mod row;
mod table;

use std::path::PathBuf;

use buttress_call::BoxError;
use clap::Parser;

use crate::{
    arm::Arm,
    fleet::Fleet,
    live::Live,
    phase::Phase,
    row::{Row, Timeline},
};

/// Shows an LLM client with and without Buttress while its provider fails.
#[derive(Debug, Parser)]
struct Args {
    /// Seconds of arrivals in each phase.
    #[arg(long, default_value_t = 4.0, value_parser = seconds)]
    seconds: f64,
    /// Calls a second in each arm.
    #[arg(long, default_value_t = 15.0, value_parser = rate)]
    rate: f64,
    /// The seed of the arrivals, the providers' latencies and their faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object per phase and arm instead of the table.
    #[arg(long)]
    json: bool,
    /// Write a page with charts to this file.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.1, 600.0)
}

fn rate(text: &str) -> Result<f64, String> {
    within(text, 1.0, 500.0)
}

fn within(text: &str, min: f64, max: f64) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (min..=max).contains(&value) { Ok(value) } else { Err(format!("must lie between {min} and {max}")) }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let args = Args::parse();
    let fleet = Fleet::start(args.seed).await?;
    let arms = Arm::both(&fleet)?;
    let live = Live::new();
    let mut timeline = Timeline::new();
    let mut rows: Vec<Row> = Vec::new();

    let drill = async {
        for phase in Phase::ALL {
            fleet.begin(phase)?;
            live.begin(phase);
            let arrivals = load::arrivals(args.seed, phase, args.rate, args.seconds);
            let samples = load::run(&arms, &arrivals, &live).await;
            live.end();
            rows.extend(Row::of_phase(phase, &samples, &fleet));
            timeline.extend(&samples);
        }
        Ok::<_, BoxError>(())
    };
    let stopped = tokio::select! {
        done = drill => { done?; false }
        _ = tokio::signal::ctrl_c() => true,
    };
    live.close();

    if args.json {
        for row in &rows {
            println!("{}", serde_json::to_string(row)?);
        }
    } else {
        print!("{}", table::render(&rows, &timeline));
    }
    if let Some(file) = args.html {
        std::fs::write(&file, page::render(&rows, &timeline))?;
        eprintln!("wrote {}", file.display());
    }
    if stopped {
        eprintln!("stopped early: the phases that had ended are above");
    }
    Ok(())
}
