//! How long a provider takes: a distribution, drawn from with the call's own generator.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};

use crate::ConfigError;

/// Nothing a provider does takes longer than this.
pub(crate) const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A distribution of delays. None is longer than 30 days: a number beyond is refused, a draw beyond is cut.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Latency {
    /// Always the same.
    Fixed(Duration),
    /// Any delay between the two is as likely as another.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
    /// Log-normal: what the time to first token of a healthy provider looks like.
    LogNormal {
        /// Half the delays are shorter.
        median: Duration,
        /// Standard deviation of the logarithm; 0.35 is a calm provider, 1.0 a wild one.
        sigma: f64,
    },
    /// A heavy tail: log-normal with median 0.5 s and sigma 0.35, of which 4 % take U(3, 10) times as long, and
    /// 0.5 % are U(20, 60) s instead.
    Heavy,
    /// Another distribution, each delay times a factor. [`Latency::scaled`] is the short way.
    Scaled(Box<Latency>, f64),
}

impl Latency {
    /// The same distribution with every delay multiplied by `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        Self::Scaled(Box::new(self), factor)
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self {
            Self::Uniform { min, max } if min > max => {
                Err(ConfigError::new("Latency::Uniform", "min <= max", (min, max)))
            }
            Self::LogNormal { median, sigma } => {
                check_factor("Latency::LogNormal sigma", *sigma)?;
                check_delay("Latency::LogNormal median", *median)
            }
            Self::Scaled(base, factor) => {
                check_factor("Latency::scaled factor", *factor)?;
                base.check()
            }
            Self::Fixed(delay) => check_delay("Latency::Fixed", *delay),
            Self::Uniform { max, .. } => check_delay("Latency::Uniform max", *max),
            Self::Heavy => Ok(()),
        }
    }

    pub(crate) fn draw(&self, rng: &mut StdRng) -> Duration {
        match self {
            Self::Fixed(delay) => *delay,
            Self::Uniform { min, max } => uniform(rng, min.as_secs_f64(), max.as_secs_f64()),
            Self::LogNormal { median, sigma } => log_normal(rng, median.as_secs_f64(), *sigma),
            Self::Heavy => heavy(rng),
            Self::Scaled(base, factor) => times(base.draw(rng), *factor),
        }
    }
}

/// `delay` times `factor`, never more than [`LONGEST`].
pub(crate) fn times(delay: Duration, factor: f64) -> Duration {
    seconds(delay.as_secs_f64() * factor)
}

/// A delay that a test may live to see.
pub(crate) fn check_delay(what: &'static str, delay: Duration) -> Result<(), ConfigError> {
    if delay <= LONGEST { Ok(()) } else { Err(ConfigError::new(what, "at most 30 days", delay)) }
}

/// A factor that durations can be multiplied by.
pub(crate) fn check_factor(what: &'static str, factor: f64) -> Result<(), ConfigError> {
    if factor.is_finite() && factor >= 0.0 {
        Ok(())
    } else {
        Err(ConfigError::new(what, "finite and not negative", factor))
    }
}

fn seconds(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).map_or(LONGEST, |delay| delay.min(LONGEST))
}

fn uniform(rng: &mut StdRng, min: f64, max: f64) -> Duration {
    seconds(min + (max - min) * rng.random::<f64>())
}

fn log_normal(rng: &mut StdRng, median: f64, sigma: f64) -> Duration {
    // Box-Muller; 1 - u keeps the logarithm's argument above zero.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let angle = std::f64::consts::TAU * rng.random::<f64>();
    seconds(median * (sigma * radius * angle.cos()).exp())
}

fn heavy(rng: &mut StdRng) -> Duration {
    let usual = log_normal(rng, 0.5, 0.35);
    match rng.random::<f64>() {
        tail if tail < 0.005 => uniform(rng, 20.0, 60.0),
        tail if tail < 0.045 => {
            let factor = 3.0 + 7.0 * rng.random::<f64>();
            times(usual, factor)
        }
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn sorted(latency: &Latency) -> Vec<Duration> {
        let mut rng = StdRng::seed_from_u64(7);
        let mut draws: Vec<_> = (0..20_000).map(|_| latency.draw(&mut rng)).collect();
        draws.sort();
        draws
    }

    #[test]
    fn the_median_of_a_log_normal_is_its_median() {
        let draws = sorted(&Latency::LogNormal { median: Duration::from_secs(1), sigma: 0.5 });
        let middle = draws[10_000].as_secs_f64();
        assert!((0.97..1.03).contains(&middle), "{middle}");
    }

    #[test]
    fn the_heavy_tail_is_where_it_is_said_to_be() {
        let draws = sorted(&Latency::Heavy);
        let at = |q: f64| draws[(q * 20_000.0) as usize].as_secs_f64();
        assert!((0.45..0.56).contains(&at(0.5)), "{}", at(0.5));
        assert!((4.0..7.0).contains(&at(0.99)), "{}", at(0.99));
        assert!((40.0..60.0).contains(&at(0.999)), "{}", at(0.999));
    }

    #[test]
    fn a_delay_beyond_all_reason_is_cut() {
        let mut rng = StdRng::seed_from_u64(7);
        let absurd = Latency::Fixed(LONGEST).scaled(1e300);
        assert!(absurd.check().is_ok());
        assert_eq!(absurd.draw(&mut rng), LONGEST);
        assert!(Latency::Fixed(Duration::MAX).check().is_err());
    }

    #[test]
    fn reversed_and_absurd_numbers_are_named() {
        let reversed = Latency::Uniform { min: Duration::from_secs(2), max: Duration::from_secs(1) };
        let error = reversed.scaled(2.0).check().unwrap_err();
        assert_eq!(error.to_string(), "Latency::Uniform must be min <= max, not (2s, 1s)");
        assert!(Latency::Heavy.scaled(f64::NAN).check().is_err());
        assert!(Latency::LogNormal { median: Duration::ZERO, sigma: -1.0 }.check().is_err());
    }
}
