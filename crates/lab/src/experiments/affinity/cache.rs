//! A prompt cache: blocks of tokens, the least recently used is the first to go.

use std::collections::{BTreeMap, HashMap};

#[derive(Debug)]
pub(super) struct Cache {
    size: usize,
    /// When each block was last used ...
    used: HashMap<u64, u64>,
    /// ... and the blocks in that order.
    order: BTreeMap<u64, u64>,
    clock: u64,
}

impl Cache {
    pub(super) fn new(size: usize) -> Self {
        Cache { size, used: HashMap::new(), order: BTreeMap::new(), clock: 0 }
    }

    /// Reads a prompt: how many of its first blocks were there. All of them are, from now on.
    pub(super) fn read(&mut self, blocks: &[u64]) -> usize {
        let hits = blocks.iter().take_while(|block| self.used.contains_key(block)).count();
        // A block is of use only with all before it, so the last ones are the first to go.
        for block in blocks.iter().rev() {
            self.touch(*block);
        }
        hits
    }

    fn touch(&mut self, block: u64) {
        self.clock += 1;
        if let Some(before) = self.used.insert(block, self.clock) {
            self.order.remove(&before);
        }
        self.order.insert(self.clock, block);
        if self.used.len() > self.size
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.used.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_is_a_prefix() {
        let mut cache = Cache::new(10);
        assert_eq!(cache.read(&[1, 2, 3]), 0);
        assert_eq!(cache.read(&[1, 2, 4]), 2);
        assert_eq!(cache.read(&[9, 2, 3]), 0);
    }

    #[test]
    fn the_end_of_the_oldest_prompt_goes_first() {
        let mut cache = Cache::new(5);
        cache.read(&[1, 2, 3]);
        cache.read(&[4, 5, 6]);
        assert_eq!(cache.read(&[1, 2, 3]), 2);
    }
}
