//! How long providers take to their first token.

use std::{fmt, path::Path, str::FromStr, time::Duration};

use buttress_call::BoxError;
use rand::{Rng, RngExt};

use super::measured;
use crate::{random::normal, report::Report};

const MEDIAN_S: f64 = 0.5;
const SIGMA: f64 = 0.35;
/// When the brownout begins ...
const BROWNOUT: Duration = Duration::from_secs(1_000);
/// ... how much longer everything takes from then on ...
const BROWNOUT_FACTOR: f64 = 10.0;
/// ... and for how long its calls count.
const FIRST_MINUTE: Duration = Duration::from_secs(60);

/// A model as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Heavy,
    Stragglers,
    Brownout,
    Endpoint(String),
}

impl Name {
    /// Those that need no file.
    pub(super) const DRAWN: [Name; 3] = [Name::Heavy, Name::Stragglers, Name::Brownout];

    pub(super) fn is_measured(&self) -> bool {
        matches!(self, Name::Endpoint(_))
    }
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "heavy" => Ok(Name::Heavy),
            "stragglers" => Ok(Name::Stragglers),
            "brownout" => Ok(Name::Brownout),
            _ => text
                .strip_prefix("endpoint:")
                .filter(|name| !name.is_empty())
                .map(|name| Name::Endpoint(name.to_owned()))
                .ok_or("it must be heavy, stragglers, brownout or endpoint:NAME"),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::Heavy => f.write_str("heavy"),
            Name::Stragglers => f.write_str("stragglers"),
            Name::Brownout => f.write_str("brownout"),
            Name::Endpoint(name) => write!(f, "endpoint:{name}"),
        }
    }
}

/// A model, with the times that it draws from if it was measured.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) name: Name,
    times: Vec<f64>,
}

impl Model {
    /// Reads what the model needs, and says in the report's heading what that was.
    pub(super) fn open(name: Name, trace: Option<&Path>, report: &mut Report) -> Result<Self, BoxError> {
        let Name::Endpoint(endpoint) = &name else { return Ok(Model { name, times: Vec::new() }) };
        let path = trace.ok_or_else(|| format!("model {name} needs a --trace"))?;
        let (mut all, sha256) = measured::read(path)?;
        let known = all.keys().cloned().collect::<Vec<_>>().join(", ");
        let of_it =
            all.remove(endpoint).ok_or_else(|| format!("no endpoint is called {endpoint:?}, but {known}"))?;
        let (times, errors) = (of_it.times, of_it.errors);
        if times.is_empty() {
            return Err(format!("endpoint {endpoint:?} has no row without an error").into());
        }
        let count = times.len();
        report.heading(format!(
            "model {name}: {count} times, rows with an error left out: {errors}, trace sha256:{sha256}"
        ));
        Ok(Model { name, times })
    }

    /// The time to the first token of one try, in quiet times.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Duration {
        Duration::from_secs_f64(match self.name {
            Name::Heavy | Name::Brownout => heavy(rng),
            Name::Stragglers => {
                let usual = usual(rng);
                if rng.random::<f64>() < 0.05 { 10.0 * usual } else { usual }
            }
            Name::Endpoint(_) => self.times[rng.random_range(..self.times.len())],
        })
    }

    /// How many times longer it takes for a try that is sent at this time of the run.
    pub(super) fn factor(&self, sent: Duration) -> f64 {
        if self.name == Name::Brownout && sent >= BROWNOUT { BROWNOUT_FACTOR } else { 1.0 }
    }

    /// Whether the rows count a call that began at this time of the run.
    pub(super) fn counts(&self, began: Duration) -> bool {
        self.name != Name::Brownout || (BROWNOUT..BROWNOUT + FIRST_MINUTE).contains(&began)
    }
}

pub(in crate::experiments) fn usual(rng: &mut impl Rng) -> f64 {
    MEDIAN_S * (SIGMA * normal(rng)).exp()
}

fn heavy(rng: &mut impl Rng) -> f64 {
    let usual = usual(rng);
    match rng.random::<f64>() {
        stuck if stuck < 0.005 => rng.random_range(20.0..60.0),
        slow if slow < 0.045 => usual * rng.random_range(3.0..10.0),
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::quantile, seed::generator};

    fn quantiles(name: Name, times: &[f64]) -> [f64; 3] {
        let model = Model { name, times: times.to_vec() };
        let mut rng = generator("hedge", "model", 1, "test");
        let mut draws: Vec<f64> = (0..50_000).map(|_| model.draw(&mut rng).as_secs_f64()).collect();
        draws.sort_by(f64::total_cmp);
        [0.5, 0.95, 0.99].map(|q| quantile(&draws, q).unwrap())
    }

    #[test]
    fn a_models_name_is_what_its_rows_say() {
        for text in ["heavy", "stragglers", "brownout", "endpoint:a:b"] {
            assert_eq!(text.parse::<Name>().unwrap().to_string(), text);
        }
        for text in ["", "Heavy", "endpoint", "endpoint:"] {
            assert!(text.parse::<Name>().unwrap_err().contains("endpoint:NAME"), "{text:?}");
        }
    }

    #[test]
    fn the_tails_are_where_they_are_said_to_be() {
        let [median, p95, p99] = quantiles(Name::Heavy, &[]);
        assert!((median - 0.51).abs() < 0.01 && (p95 - 1.19).abs() < 0.06 && (p99 - 5.4).abs() < 0.4);
        let [median, p95, p99] = quantiles(Name::Stragglers, &[]);
        assert!((median - 0.51).abs() < 0.01 && (1.0..4.0).contains(&p95) && (p99 - 6.7).abs() < 0.4);
        let [median, p95, _] = quantiles(Name::Endpoint("a".to_owned()), &[1.0, 1.0, 1.0, 7.0]);
        assert!((median - 1.0).abs() < 1e-6 && (p95 - 7.0).abs() < 1e-6);
    }

    #[test]
    fn only_a_brownout_changes_its_pace_and_only_its_first_minute_counts() {
        let secs = Duration::from_secs;
        let of = |name, at| {
            let model = Model { name, times: Vec::new() };
            (model.factor(secs(at)), model.counts(secs(at)))
        };
        for (at, factor, counts) in [(999, 1.0, false), (1_000, 10.0, true), (1_060, 10.0, false)] {
            assert_eq!(of(Name::Brownout, at), (factor, counts));
            assert_eq!(of(Name::Heavy, at), (1.0, true));
        }
    }

    #[test]
    fn a_measured_model_needs_a_trace() {
        let error = Model::open(Name::Endpoint("a".to_owned()), None, &mut Report::default())
            .unwrap_err()
            .to_string();
        assert_eq!(error, "model endpoint:a needs a --trace");
    }
}
