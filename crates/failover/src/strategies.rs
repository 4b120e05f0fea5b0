//! Which strategy each tier has.

use std::sync::Arc;

use crate::{InOrder, Strategy};

#[derive(Clone)]
pub(crate) struct Strategies {
    by_default: Arc<dyn Strategy>,
    by_tier: Vec<(u32, Arc<dyn Strategy>)>,
}

impl Default for Strategies {
    fn default() -> Self {
        Strategies { by_default: Arc::new(InOrder), by_tier: Vec::new() }
    }
}

impl Strategies {
    pub(crate) fn of(&self, tier: u32) -> &Arc<dyn Strategy> {
        let own = self.by_tier.iter().find(|(known, _)| *known == tier);
        own.map_or(&self.by_default, |(_, strategy)| strategy)
    }

    /// The one that it replaces.
    pub(crate) fn set(
        &mut self,
        tier: Option<u32>,
        strategy: Arc<dyn Strategy>,
    ) -> Option<Arc<dyn Strategy>> {
        let Some(tier) = tier else { return Some(std::mem::replace(&mut self.by_default, strategy)) };
        if let Some((_, known)) = self.by_tier.iter_mut().find(|(known, _)| *known == tier) {
            return Some(std::mem::replace(known, strategy));
        }
        self.by_tier.push((tier, strategy));
        None
    }
}
