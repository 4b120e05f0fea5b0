use crate::{Candidate, Candidates, Strategy};

/// The first in the list: a primary, and spares behind it. The default.
#[derive(Clone, Copy, Debug, Default)]
pub struct InOrder;

impl Strategy for InOrder {
    #[inline]
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
        candidates.iter().next()
    }
}
