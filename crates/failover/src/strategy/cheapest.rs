use crate::{Candidate, Candidates, Strategy};

/// The one with the lowest declared [price](crate::Target::price); those without a price come last. Among equals the
/// first in the list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cheapest;

impl Strategy for Cheapest {
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
        let price = |candidate: &Candidate<'_>| candidate.price().unwrap_or(f64::INFINITY);
        candidates.iter().min_by(|one, other| price(one).total_cmp(&price(other)))
    }
}
