//! What a phase looked like, from the caller's side and from the providers'.

use std::time::Duration;

use buttress_sim::{Ending, Seen};
use serde::Serialize;
use tokio::time::Instant;

use crate::{arm::Arm, call::Sample, fleet::Fleet, phase::Phase};

/// One phase of one arm.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) phase: &'static str,
    pub(crate) arm: &'static str,
    pub(crate) requests: usize,
    /// The share of calls whose whole answer arrived in time.
    pub(crate) success: f64,
    pub(crate) first_token_p50_ms: Option<f64>,
    pub(crate) first_token_p99_ms: Option<f64>,
    /// Requests that the providers saw, for each call.
    pub(crate) attempts_per_request: f64,
    /// Answers of status 429.
    pub(crate) upstream_429: usize,
    /// Tokens billed for answers that nobody got whole, as a share of those billed for the others; at most 1.
    pub(crate) wasted_tokens: f64,
    /// The share of the answers that came from A.
    pub(crate) share_a: f64,
}

impl Row {
    /// The rows of a phase, one an arm.
    pub(crate) fn of_phase(phase: Phase, samples: &[Sample], fleet: &Fleet) -> Vec<Row> {
        let of_arm = |arm| {
            let samples: Vec<_> = samples.iter().filter(|sample| sample.arm == arm).collect();
            Row::new(phase, arm, &samples, &fleet.seen(arm))
        };
        Arm::NAMES.into_iter().map(of_arm).collect()
    }

    fn new(phase: Phase, arm: &'static str, samples: &[&Sample], seen: &[Vec<Seen>]) -> Row {
        let all = || seen.iter().flatten();
        let answered = |seen: &&Seen| seen.end == Ending::Answered;
        let useful: u64 = all().filter(answered).map(|seen| seen.billed).sum();
        let wasted: u64 = all().filter(|seen| !answered(seen)).map(|seen| seen.billed).sum();
        let by_a = seen.first().map_or(0, |a| a.iter().filter(answered).count());
        let mut first_tokens: Vec<_> = samples.iter().filter_map(|sample| sample.first_token).collect();
        first_tokens.sort_unstable();
        Row {
            phase: phase.name(),
            arm,
            requests: samples.len(),
            success: share(samples.iter().filter(|sample| sample.ok).count(), samples.len()),
            first_token_p50_ms: percentile(&first_tokens, 0.50),
            first_token_p99_ms: percentile(&first_tokens, 0.99),
            attempts_per_request: share(all().count(), samples.len()),
            upstream_429: all().filter(|seen| seen.status.is_some_and(|status| status == 429)).count(),
            wasted_tokens: if wasted == 0 { 0.0 } else { (wasted as f64 / useful as f64).min(1.0) },
            share_a: share(by_a, all().filter(answered).count()),
        }
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The nearest-rank percentile, in milliseconds.
fn percentile(sorted: &[Duration], quantile: f64) -> Option<f64> {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).map(|value| (value.as_secs_f64() * 10_000.0).round() / 10.0)
}

/// The success of the calls that began in each second of the run.
pub(crate) struct Timeline {
    began: Instant,
    seconds: Vec<[(usize, usize); 2]>,
}

impl Timeline {
    pub(crate) fn new() -> Timeline {
        Timeline { began: Instant::now(), seconds: Vec::new() }
    }

    pub(crate) fn extend(&mut self, samples: &[Sample]) {
        for sample in samples {
            let second = sample.began.duration_since(self.began).as_secs() as usize;
            if self.seconds.len() <= second {
                self.seconds.resize(second + 1, [(0, 0); 2]);
            }
            let arm = usize::from(sample.arm == Arm::NAMES[1]);
            let (ok, all) = &mut self.seconds[second][arm];
            *ok += usize::from(sample.ok);
            *all += 1;
        }
    }

    /// An arm's success second by second; `None` where no call began.
    pub(crate) fn success(&self, arm: usize) -> impl Iterator<Item = Option<f64>> + '_ {
        self.seconds.iter().map(move |second| {
            let (ok, all) = second[arm];
            (all > 0).then(|| share(ok, all))
        })
    }
}
