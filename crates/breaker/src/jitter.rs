//! A small shared generator, so that clients that opened together do not come back together.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

/// The splitmix64 sequence over one shared counter: every clone of the breaker draws from the same sequence.
#[derive(Debug)]
pub(crate) struct Jitter {
    state: AtomicU64,
}

impl Jitter {
    pub(crate) fn from_entropy() -> Self {
        Jitter { state: AtomicU64::new(RandomState::new().hash_one(0)) }
    }

    pub(crate) fn seed(&self, seed: u64) {
        self.state.store(seed, Relaxed);
    }

    /// A number from zero to `max`, both included. (The bias of the modulo is below `max` / 2^64.)
    pub(crate) fn up_to(&self, max: u64) -> u64 {
        self.next() % max.saturating_add(1).max(1)
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
        let jitter = Jitter::from_entropy();
        jitter.seed(1_234_567);
        let drawn = [(); 3].map(|()| jitter.next());
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }
}
