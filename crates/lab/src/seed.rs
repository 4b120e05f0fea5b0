//! Where randomness comes from: every role of every run has a generator of its own, so that one arm's extra draw never
//! moves another's.

use std::{ops::RangeInclusive, str::FromStr};

use rand::{SeedableRng, rngs::StdRng};
use sha2::{Digest, Sha256};

/// The generator of one role. Arms of one comparison leave their own name out of the scenario, so that they meet the
/// same workload and the same luck.
pub(crate) fn generator(experiment: &str, scenario: &str, seed: u64, role: &str) -> StdRng {
    let name = format!("{experiment}\0{scenario}\0{seed}\0{role}");
    StdRng::from_seed(Sha256::digest(name).into())
}

/// What `--seed` takes: one seed or a range of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seeds(RangeInclusive<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim()
                .parse::<u64>()
                .map_err(|_| format!("{text:?} is neither a seed nor a range such as 1..=3"))
        };
        let range = match text.split_once("..") {
            None => number(text).map(|seed| seed..=seed)?,
            Some((first, last)) => match last.strip_prefix('=') {
                Some(last) => number(first)?..=number(last)?,
                None => number(first)?..=number(last)?.saturating_sub(1),
            },
        };
        if range.is_empty() {
            return Err(format!("the range {text:?} holds no seed"));
        }
        Ok(Seeds(range))
    }
}

/// The seeds asked for, or the experiment's own.
pub(crate) fn all(asked: &[Seeds], default: &RangeInclusive<u64>) -> Vec<u64> {
    if asked.is_empty() {
        default.clone().collect()
    } else {
        asked.iter().flat_map(|seeds| seeds.0.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;

    #[test]
    fn a_seed_is_a_number_or_a_range() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0);
        assert_eq!(seeds("7"), Ok(7..=7));
        assert_eq!(seeds("1..=3"), Ok(1..=3));
        assert_eq!(seeds("1..3"), Ok(1..=2));
        assert!(seeds("3..=1").unwrap_err().contains("no seed"));
        assert!(seeds("one").unwrap_err().contains("neither"));
    }

    #[test]
    fn every_part_of_the_name_changes_the_draws() {
        let draw =
            |experiment, scenario, seed, role| generator(experiment, scenario, seed, role).random::<u64>();
        let first = draw("a", "b", 1, "c");
        assert_eq!(first, draw("a", "b", 1, "c"));
        for other in
            [draw("x", "b", 1, "c"), draw("a", "x", 1, "c"), draw("a", "b", 2, "c"), draw("a", "b", 1, "x")]
        {
            assert_ne!(first, other);
        }
    }
}
