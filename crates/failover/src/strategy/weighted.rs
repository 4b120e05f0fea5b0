use crate::{Candidate, Candidates, Strategy};

/// At random, by weight: for quotas or contracts that call for a certain split.
///
/// Of the targets that take calls each gets its weight's share in the long run. A weight of zero takes what no other
/// target of the tier can.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weighted;

impl Strategy for Weighted {
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
        // Each newcomer takes the place with its share of the weight so far; in the end all have had their shares.
        let mut total = 0;
        let mut picked = None;
        for candidate in candidates.iter() {
            let weight = u64::from(candidate.weight());
            total += weight;
            if picked.is_none() || candidates.random(total) < weight {
                picked = Some(candidate);
            }
        }
        picked
    }
}
