//! The prompts of a run, as hashes of their blocks: a trace's, or a synthetic workload.
//!
//! A trace is JSON lines of `timestamp` (milliseconds), `input_length`, `output_length` (tokens) and `hash_ids`, one for
//! each block of 512 tokens; equal ids mean equal prompts up to the block's end.

use std::{path::Path, time::Duration};

use buttress_call::BoxError;
use rand::RngExt;
use serde::Deserialize;

use super::Affine;
use crate::{
    csv::{self, BadLine},
    experiments::Experiment,
    random::exponential,
    seed::generator,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompt {
    /// From the first one.
    pub(super) at: Duration,
    pub(super) blocks: Vec<u64>,
    /// Tokens.
    pub(super) output: u64,
}

#[derive(Deserialize)]
struct Line {
    timestamp: u64,
    /// Not used, but a line without it is no line of such a trace.
    #[serde(rename = "input_length")]
    _input_length: u64,
    output_length: u64,
    hash_ids: Vec<u64>,
}

/// The trace in a file, and the sha256 that names it.
pub(super) fn read(path: &Path) -> Result<(Vec<Prompt>, String), BoxError> {
    csv::read(path, parse)
}

fn parse(bytes: &[u8]) -> Result<Vec<Prompt>, BadLine> {
    let mut prompts: Vec<Prompt> = Vec::new();
    let mut first = None;
    for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let bad = |rule| BadLine::new(number, rule, &String::from_utf8_lossy(line));
        let line: Line = serde_json::from_slice(line).map_err(|_| {
            bad("a line must be a JSON object with timestamp, input_length, output_length and hash_ids")
        })?;
        if line.hash_ids.is_empty() {
            return Err(bad("a prompt must have a block"));
        }
        if line.output_length > MAX_OUTPUT {
            return Err(bad("an output_length must be at most 10,000,000"));
        }
        let at = line.timestamp.checked_sub(*first.get_or_insert(line.timestamp)).map(Duration::from_millis);
        let before = prompts.last().map_or(Duration::ZERO, |prompt| prompt.at);
        let at = at
            .filter(|at| *at >= before)
            .ok_or_else(|| bad("a timestamp must not be earlier than the one before"))?;
        prompts.push(Prompt { at, blocks: line.hash_ids, output: line.output_length });
    }
    if prompts.is_empty() {
        return Err(BadLine::new(1, "a trace must hold a prompt", ""));
    }
    Ok(prompts)
}

/// Far above any model's: what is larger is damage.
const MAX_OUTPUT: u64 = 10_000_000;

/// Conversations of a synthetic workload.
pub(super) const CONVERSATIONS: u64 = 4_000;
/// One block each.
const SYSTEM_PROMPTS: u64 = 50;
/// Shares of conversations with so many turns at least, from the second on.
const GOES_ON: [f64; 3] = [0.6, 0.3, 0.1];
/// Between the turns of a conversation, in the mean.
const PAUSE_S: f64 = 60.0;

/// So many conversations, and so many of them a second: one of 50 system prompts, of which the n-th is 1/n as popular as the first, and 1 to 4 turns,
/// each of which adds 2 to 30 blocks to the prompt before. That makes an ideal hit rate of about 0.45.
pub(super) fn synthetic(seed: u64, conversations: u64, per_second: f64) -> Vec<Prompt> {
    let role = |role| generator(Affine::NAME, "synthetic", seed, role);
    let (mut starts, mut turns, mut sizes) = (role("starts"), role("turns"), role("sizes"));
    let total: f64 = (1..=SYSTEM_PROMPTS).map(|rank| 1.0 / rank as f64).sum();
    let mut start = Duration::ZERO;
    let mut fresh = SYSTEM_PROMPTS..;
    let mut prompts = Vec::new();
    for _ in 0..conversations {
        start += exponential(&mut starts, per_second);
        let mut dice = turns.random::<f64>() * total;
        let system = (1..SYSTEM_PROMPTS).find(|rank| {
            dice -= 1.0 / *rank as f64;
            dice < 0.0
        });
        let mut blocks = vec![system.map_or(SYSTEM_PROMPTS - 1, |rank| rank - 1)];
        let length = turns.random::<f64>();
        let more = GOES_ON.iter().filter(|share| length < **share).count();
        let mut at = start;
        for _ in 0..=more {
            blocks.extend(fresh.by_ref().take(sizes.random_range(2..=30)));
            prompts.push(Prompt { at, blocks: blocks.clone(), output: sizes.random_range(50..=350) });
            at += exponential(&mut turns, 1.0 / PAUSE_S);
        }
    }
    // Equal times keep their order, so that a turn never comes before the one that it extends.
    prompts.sort_by_key(|prompt| prompt.at);
    prompts
}

/// The blocks of all prompts.
pub(super) fn blocks(prompts: &[Prompt]) -> usize {
    prompts.iter().map(|prompt| prompt.blocks.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_the_first_line() {
        let text = br#"{"timestamp": 7, "input_length": 600, "output_length": 5, "hash_ids": [0, 1]}

{"timestamp": 1007, "input_length": 100, "output_length": 6, "hash_ids": [0], "more": 1}
"#;
        let prompts = parse(text).unwrap();
        assert_eq!(prompts[0], Prompt { at: Duration::ZERO, blocks: vec![0, 1], output: 5 });
        assert_eq!(prompts[1].at, Duration::from_secs(1));
    }

    #[test]
    fn an_error_names_the_line_and_the_rule() {
        let good = r#"{"timestamp":7,"input_length":1,"output_length":5,"hash_ids":[0]}"#;
        for (text, line, rule) in [
            (String::new(), 1, "must hold a prompt"),
            (format!("{good}\n\nnonsense"), 3, "JSON object"),
            (good.replace("[0]", "[]"), 1, "a block"),
            (good.replace(":5", ":10000001"), 1, "at most"),
            (good.replace(r#""input_length":1,"#, ""), 1, "input_length"),
            (format!("{good}\n{}", good.replace(":7", ":6")), 2, "earlier"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{error}");
            assert!(error.to_string().contains(rule), "{error}");
        }
    }

    #[test]
    fn turns_extend_the_one_before_and_system_prompts_are_shared() {
        let prompts = synthetic(1, 200, 2.0);
        assert_eq!(prompts, synthetic(1, 200, 2.0));
        assert_ne!(prompts, synthetic(2, 200, 2.0));
        assert!(prompts.is_sorted_by_key(|prompt| prompt.at));
        assert!(prompts.iter().all(|prompt| prompt.blocks[0] < SYSTEM_PROMPTS));
        let mut first_turns = 0;
        for (at, prompt) in prompts.iter().enumerate() {
            let extends = |before: &&Prompt| prompt.blocks.starts_with(&before.blocks);
            first_turns += usize::from(prompts[..at].iter().find(extends).is_none());
        }
        assert_eq!(first_turns, 200);
    }
}
