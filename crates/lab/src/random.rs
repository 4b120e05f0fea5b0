//! The few distributions that the simulations draw from.

use std::{f64::consts::TAU, time::Duration};

use rand::{Rng, RngExt};

/// Uniform in (0, 1]: safe to take the logarithm of.
fn unit(rng: &mut impl Rng) -> f64 {
    1.0 - rng.random::<f64>()
}

/// A standard normal, by Box and Muller.
pub(crate) fn normal(rng: &mut impl Rng) -> f64 {
    let radius = (-2.0 * unit(rng).ln()).sqrt();
    radius * (TAU * unit(rng)).cos()
}

/// The time to the next event of a Poisson process with so many events a second.
pub(crate) fn exponential(rng: &mut impl Rng, per_second: f64) -> Duration {
    Duration::from_secs_f64(-unit(rng).ln() / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::generator;

    const DRAWS: u32 = 20_000;

    #[test]
    fn the_normal_has_mean_0_and_deviation_1() {
        let mut rng = generator("random", "normal", 1, "test");
        let draws: Vec<f64> = (0..DRAWS).map(|_| normal(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / f64::from(DRAWS);
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(DRAWS);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
    }

    #[test]
    fn the_exponential_has_the_mean_asked_for() {
        let mut rng = generator("random", "exponential", 1, "test");
        let total: Duration = (0..DRAWS).map(|_| exponential(&mut rng, 4.0)).sum();
        let mean = total.as_secs_f64() / f64::from(DRAWS);
        assert!((mean - 0.25).abs() < 0.01, "{mean}");
    }
}
