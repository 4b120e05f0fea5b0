//! What it is worth to send a conversation where its prompt is cached.
//!
//! Prompts go to eight targets, each with a cache of 20,000 blocks of 512 tokens; a hit is a block that is there, as are
//! all before it. A call lasts for 0.1 s and 20 ms for each block that is not cached, until its first token, and for 20 ms
//! for each of its tokens. The key of arm `buttress` is a hash of the prompt's first two blocks.

mod cache;
mod prompts;
mod target;

use std::{ops::RangeInclusive, path::PathBuf, sync::Arc};

use buttress_call::BoxError;
use buttress_failover::{Affinity, Failover};
use clap::Args;
use serde::Serialize;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tower::{Service, ServiceExt, util::BoxService};

use self::{
    cache::Cache,
    prompts::Prompt,
    target::{CACHE, Target},
};
use super::Experiment;
use crate::{
    chat::{Answer, Ask, ByEnd},
    clock,
    report::{Report, mean, round},
};

const TARGETS: usize = 8;

#[derive(Debug)]
pub(crate) struct Affine;

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// JSON lines of `timestamp`, `input_length`, `output_length` and `hash_ids`. Without it, synthetic conversations
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Synthetic conversations that begin in a second
    #[arg(long, value_name = "RATE", default_value_t = 2.0, value_parser = rate, conflicts_with = "trace")]
    per_second: f64,
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.01..=1000.0).contains(rate));
    rate.ok_or("it must be a number from 0.01 to 1000".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Arm {
    RoundRobin,
    Buttress,
    /// One cache as large as all together.
    Ideal,
}

#[derive(Clone, Debug, Serialize)]
struct Row {
    experiment: &'static str,
    arm: Arm,
    seed: u64,
    hit_rate: f64,
    max_mean_load: f64,
}

impl Experiment for Affine {
    const NAME: &'static str = "affinity";
    const ABOUT: &'static str = "conversations that stay where their prompt is cached";
    const SEEDS: RangeInclusive<u64> = 1..=3;

    type Options = Options;

    fn run(options: Options, seeds: &[u64], report: &mut Report) -> Result<(), BoxError> {
        let trace = options.trace.as_deref().map(prompts::read).transpose()?;
        report.heading(match &trace {
            Some((_, sha256)) => format!("workload: trace sha256:{sha256}"),
            None => format!("workload: synthetic, {} conversations a second", options.per_second),
        });
        let mut rows = Vec::new();
        for arm in [Arm::RoundRobin, Arm::Buttress, Arm::Ideal] {
            for seed in seeds {
                let row = match &trace {
                    Some((prompts, _)) => play(arm, *seed, prompts)?,
                    None => play(
                        arm,
                        *seed,
                        &prompts::synthetic(*seed, prompts::CONVERSATIONS, options.per_second),
                    )?,
                };
                report.row(&row)?;
                rows.push(row);
            }
        }
        summarise(&rows, report);
        Ok(())
    }
}

fn play(arm: Arm, seed: u64, prompts: &[Prompt]) -> Result<Row, BoxError> {
    let (hits, max_mean_load): (usize, f64) = match arm {
        Arm::Ideal => {
            let mut cache = Cache::new(TARGETS * CACHE);
            (prompts.iter().map(|prompt| cache.read(&prompt.blocks)).sum(), 1.0)
        }
        Arm::RoundRobin | Arm::Buttress => {
            let targets: [Target; TARGETS] = std::array::from_fn(|_| Target::new());
            clock::simulate(drive(client(arm, &targets, seed)?, prompts))?;
            let max = targets.iter().map(Target::calls).max().unwrap_or(0);
            (targets.iter().map(Target::hits).sum(), (max * TARGETS) as f64 / prompts.len() as f64)
        }
    };
    let hit_rate = hits as f64 / prompts::blocks(prompts) as f64;
    let (hit_rate, max_mean_load) = (round(hit_rate, 4), round(max_mean_load, 4));
    Ok(Row { experiment: Affine::NAME, arm, seed, hit_rate, max_mean_load })
}

type Client = BoxService<Ask<Prompt>, Answer, BoxError>;

fn client(arm: Arm, targets: &[Target; TARGETS], seed: u64) -> Result<Client, BoxError> {
    if arm == Arm::Buttress {
        let named = (0..).zip(targets).map(|(number, target): (u32, _)| (number.to_string(), target.clone()));
        let fleet = Failover::in_order(named)?.strategy(Affinity::default()).seed(seed);
        return Ok(Client::new(fleet.classify(ByEnd)));
    }
    let mut turns = targets.clone().into_iter().cycle();
    let mut next = move || turns.next().ok_or("a cycle has no end");
    Ok(Client::new(tower::service_fn(move |ask| {
        let target = next();
        async move { target?.call(ask).await }
    })))
}

/// Makes all calls and reads their answers.
async fn drive(mut client: Client, prompts: &[Prompt]) -> Result<(), BoxError> {
    let start = Instant::now();
    let mut running = JoinSet::new();
    for prompt in prompts {
        sleep_until(start + prompt.at).await;
        let ask = Ask::stream(Arc::new(prompt.clone()), Some(key(&prompt.blocks)));
        let answer = client.ready().await?.call(ask);
        running.spawn(async move { Ok::<_, BoxError>(answer.await?.read().await) });
        while let Some(ended) = running.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

/// A conversation's: the system prompt is one block, the first message begins with the next.
fn key(blocks: &[u64]) -> u64 {
    // Written out, because the standard library's hash may be another one in its next version.
    blocks
        .iter()
        .take(2)
        .fold(0, |key, block| (key ^ block).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
}

/// The means of the arms, beside the ideal.
fn summarise(rows: &[Row], report: &mut Report) {
    let mean_of = |arm, value: fn(&Row) -> f64| mean(rows.iter().filter(|row| row.arm == arm).map(value));
    let ideal = mean_of(Arm::Ideal, |row| row.hit_rate);
    for arm in [Arm::RoundRobin, Arm::Buttress, Arm::Ideal] {
        let hit_rate = mean_of(arm, |row| row.hit_rate);
        report.note(format!(
            "{arm:?}: hit rate {hit_rate:.3}, {:.3} x ideal; max/mean load {:.3}",
            hit_rate / ideal,
            mean_of(arm, |row| row.max_mean_load),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_repeats_to_the_bit_and_has_the_fields_in_order() {
        let line = |seed| {
            let row = play(Arm::Buttress, seed, &prompts::synthetic(seed, 200, 2.0)).unwrap();
            serde_json::to_string(&row).unwrap()
        };
        assert_eq!(line(1), line(1));
        assert_ne!(line(1), line(2));
        let row =
            Row { experiment: "affinity", arm: Arm::RoundRobin, seed: 1, hit_rate: 0.25, max_mean_load: 1.5 };
        assert_eq!(
            serde_json::to_string(&row).unwrap(),
            r#"{"experiment":"affinity","arm":"round_robin","seed":1,"hit_rate":0.25,"max_mean_load":1.5}"#
        );
    }

    #[test]
    fn affinity_finds_nearly_all_that_is_cached_and_spreads_the_load() {
        // From two calls in flight at each target to four, where the bound on load used to scatter them most.
        for per_second in [2.0, 3.3] {
            let prompts = prompts::synthetic(1, prompts::CONVERSATIONS, per_second);
            let [turns, ours, ideal] =
                [Arm::RoundRobin, Arm::Buttress, Arm::Ideal].map(|arm| play(arm, 1, &prompts).unwrap());
            assert!((0.3..0.5).contains(&ideal.hit_rate), "{ideal:?}");
            assert!(ours.hit_rate >= 0.95 * ideal.hit_rate && ours.max_mean_load <= 1.1, "{ours:?}");
            assert!(turns.hit_rate < 0.5 * ideal.hit_rate && turns.max_mean_load < 1.01, "{turns:?}");
        }
    }

    #[test]
    fn a_rate_that_makes_no_sense_is_refused() {
        assert_eq!(rate("3.3"), Ok(3.3));
        for text in ["0", "-1", "NaN", "1e9", "two"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
