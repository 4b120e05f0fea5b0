use crate::{Candidate, Candidates, Strategy};

/// Rates this close are equal: or one failure in twenty would turn the order over.
const STEPS: f64 = 20.0;

/// The one whose calls succeed most often, to 5 %; among equals the first in the list.
///
/// What failed a minute ago counts for little, so a target is tried again though it was the worst.
#[derive(Clone, Copy, Debug, Default)]
pub struct MostReliable;

impl Strategy for MostReliable {
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
        let failing = |candidate: &Candidate<'_>| ((1.0 - candidate.success_rate()) * STEPS) as u32;
        candidates.iter().min_by_key(failing)
    }
}
