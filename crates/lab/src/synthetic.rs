//! A workload like the Azure LLM inference trace of 2023, conversations, for runs without the trace.
//!
//! What was fitted, and to which of the trace's figures:
//!
//! | | trace | here |
//! |---|---|---|
//! | calls | 19,366 in 3,501.7 s | the same number, 5.530 a second in the mean |
//! | inter-arrival time | coefficient of variation 1.094 | the same, as a hyperexponential of two phases with balanced means |
//! | input tokens | mean 1,155, deviation 1,109 | mean 1,149, deviation 1,098, by 26 quantiles, straight lines between |
//! | output tokens | mean 211, deviation 163 | mean 211, deviation 165, by 26 quantiles, straight lines between |
//!
//! Left out: the rate's own slow drift (the trace's counts a minute vary 16 times more than a Poisson stream's, these
//! 1.2 times), and the weak correlation of a call's input and output (-0.11).

use std::time::Duration;

use rand::{Rng, RngExt};

use crate::{
    random::exponential,
    seed::generator,
    workload::{Arrival, Workload},
};

/// As many calls as the trace has.
pub(crate) const CALLS: usize = 19_366;
const PER_SECOND: f64 = 5.530;
const VARIATION: f64 = 1.094;

/// Shares of the calls in per cent ...
const SHARES: [f64; 26] = [
    0.0, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 65.0, 70.0, 75.0,
    80.0, 85.0, 90.0, 95.0, 97.5, 99.0, 99.9, 100.0,
];
/// ... the tokens of the input that so many calls stay within ...
const INPUT: [f64; 26] = [
    2.0, 29.0, 91.0, 181.0, 207.0, 372.0, 387.0, 396.0, 403.0, 414.0, 703.0, 984.0, 1_020.0, 1_045.0,
    1_071.0, 1_097.0, 1_130.0, 1_189.0, 1_315.0, 1_876.0, 2_735.0, 4_083.0, 4_092.0, 4_142.0, 6_212.0,
    14_050.0,
];
/// ... and of the output.
const OUTPUT: [f64; 26] = [
    7.0, 16.0, 24.0, 41.0, 54.0, 67.0, 77.0, 85.0, 91.0, 96.0, 103.0, 113.0, 129.0, 151.0, 177.0, 217.0,
    384.0, 395.0, 400.0, 411.0, 424.0, 451.0, 522.0, 601.0, 954.0, 1_000.0,
];

/// So many calls, drawn for this experiment and seed.
pub(crate) fn workload(experiment: &str, seed: u64, calls: usize) -> Workload {
    let rng = |role| generator(experiment, "synthetic", seed, role);
    let (mut arrivals, mut inputs, mut outputs) = (rng("arrivals"), rng("inputs"), rng("outputs"));
    let mut at = Duration::ZERO;
    let calls = (0..calls)
        .map(|number| {
            if number > 0 {
                at += gap(&mut arrivals);
            }
            Arrival { at, input: tokens(&INPUT, &mut inputs), output: tokens(&OUTPUT, &mut outputs) }
        })
        .collect();
    Workload { calls }
}

/// Two phases, each with half of the time: the usual fit of a coefficient of variation above 1.
fn gap(rng: &mut impl Rng) -> Duration {
    let square = VARIATION * VARIATION;
    let share = f64::midpoint(1.0, ((square - 1.0) / (square + 1.0)).sqrt());
    let phase = if rng.random::<f64>() < share { share } else { 1.0 - share };
    exponential(rng, 2.0 * phase * PER_SECOND)
}

fn tokens(quantiles: &[f64; 26], rng: &mut impl Rng) -> u64 {
    let percent = 100.0 * rng.random::<f64>();
    let above = SHARES.partition_point(|share| *share <= percent).clamp(1, SHARES.len() - 1);
    let (low, high) = (quantiles[above - 1], quantiles[above]);
    let (share, next) = (SHARES[above - 1], SHARES[above]);
    (low + (high - low) * (percent - share) / (next - share)).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::mean;

    fn variation(values: &[f64]) -> (f64, f64) {
        let mean_of = mean(values.iter().copied());
        let deviation = mean(values.iter().map(|value| (value - mean_of).powi(2))).sqrt();
        (mean_of, deviation / mean_of)
    }

    #[test]
    fn it_has_the_figures_of_the_trace() {
        let workload = workload("synthetic", 1, CALLS);
        let (input, _) = variation(&workload.calls.iter().map(|call| call.input as f64).collect::<Vec<_>>());
        let gaps: Vec<f64> = workload
            .calls
            .windows(2)
            .map(|pair| pair[1].at.as_secs_f64() - pair[0].at.as_secs_f64())
            .collect();
        let (gap, gap_variation) = variation(&gaps);
        assert_eq!(workload.calls.len(), CALLS);
        assert!((input - 1_155.0).abs() < 30.0, "{input}");
        assert!((workload.mean_output() - 211.0).abs() < 5.0, "{}", workload.mean_output());
        assert!((1.0 / gap - 5.53).abs() < 0.15, "{gap}");
        assert!((gap_variation - 1.094).abs() < 0.05, "{gap_variation}");
    }

    #[test]
    fn a_seed_is_a_workload() {
        assert_eq!(workload("synthetic", 1, 50), workload("synthetic", 1, 50));
        assert_ne!(workload("synthetic", 1, 50), workload("synthetic", 2, 50));
    }
}
