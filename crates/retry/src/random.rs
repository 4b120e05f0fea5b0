//! One generator for all clones of a policy.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The splitmix64 sequence over one atomic counter.
///
/// tower clones the policy for each call. A generator held by value would be cloned with it, and every call would draw
/// the same "random" delay: the herd that jitter is there to break up.
#[derive(Debug)]
pub(crate) struct Random {
    state: AtomicU64,
}

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Random { state: AtomicU64::new(seed) }
    }

    pub(crate) fn from_entropy() -> Self {
        Self::seeded(RandomState::new().hash_one(0))
    }

    /// A number from `low` to `high`, both included. (The bias is below their distance / 2^64.)
    pub(crate) fn between(&self, low: u64, high: u64) -> u64 {
        let span = u128::from(high.saturating_sub(low)) + 1;
        low + ((u128::from(self.next()) * span) >> 64) as u64
    }

    /// A number from zero to one, one excluded.
    pub(crate) fn unit(&self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn next(&self) -> u64 {
        let mut z = self.state.fetch_add(0x9E37_79B9_7F4A_7C15, Relaxed).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_sequence_of_splitmix64() {
        let random = Random::seeded(1_234_567);
        let drawn = [(); 3].map(|()| random.next());
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn both_ends_are_drawn() {
        let random = Random::seeded(1);
        let drawn: Vec<_> = (0..100).map(|_| random.between(7, 8)).collect();
        assert!(drawn.contains(&7) && drawn.contains(&8) && drawn.iter().all(|n| (7..=8).contains(n)));
    }
}
