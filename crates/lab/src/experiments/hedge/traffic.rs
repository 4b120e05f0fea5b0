//! The calls of a run, with the luck that each of their tries has. Every arm meets the same.

use std::time::Duration;

use rand::RngExt;

use super::{Hedge, model::Model};
use crate::{experiments::Experiment, random::exponential, seed::generator};

const PER_SECOND: f64 = 10.0;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    /// From the run's start.
    pub(super) at: Duration,
    /// Times to the first token of the first try, and of the second one.
    pub(super) tries: [Duration; 2],
}

/// The first calls of a Poisson process. The share `inherent` of them is as slow as its request makes it: both tries
/// take the same time.
pub(super) fn calls(model: &Model, seed: u64, inherent: f64, count: usize) -> Vec<Call> {
    let scenario = model.name.to_string();
    let role = |role| generator(Hedge::NAME, &scenario, seed, role);
    let (mut arrivals, mut first, mut second) = (role("arrivals"), role("first tries"), role("second tries"));
    let mut requests = role("requests");
    let mut at = Duration::ZERO;
    (0..count)
        .map(|_| {
            at += exponential(&mut arrivals, PER_SECOND);
            let (first, second) = (model.draw(&mut first), model.draw(&mut second));
            let is_its_own = requests.random::<f64>() < inherent;
            Call { at, tries: [first, if is_its_own { first } else { second }] }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{experiments::hedge::model::Name, report::Report};

    fn of(seed: u64, inherent: f64) -> Vec<Call> {
        let model = Model::open(Name::Heavy, None, &mut Report::default()).unwrap();
        calls(&model, seed, inherent, 4_000)
    }

    #[test]
    fn ten_calls_come_a_second() {
        let last = of(1, 0.0).last().unwrap().at.as_secs_f64();
        assert!((last - 400.0).abs() < 20.0, "{last}");
    }

    #[test]
    fn what_is_inherent_changes_second_tries_alone() {
        let (own, shared, all) = (of(1, 0.0), of(1, 0.3), of(1, 1.0));
        let same = |calls: &[Call]| calls.iter().filter(|call| call.tries[0] == call.tries[1]).count();
        assert_eq!((same(&own), same(&all)), (0, 4_000));
        assert!((1_100..1_300).contains(&same(&shared)), "{}", same(&shared));
        assert!(own.iter().zip(&shared).all(|(a, b)| (a.at, a.tries[0]) == (b.at, b.tries[0])));
    }

    #[test]
    fn a_seed_is_a_run() {
        assert_eq!(of(1, 0.3), of(1, 0.3));
        assert_ne!(of(1, 0.3), of(2, 0.3));
    }
}
