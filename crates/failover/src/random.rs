//! A small shared generator: every clone of a failover draws from the same sequence.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// The splitmix64 sequence over one counter.
pub(crate) struct Random {
    state: AtomicU64,
}

impl Random {
    pub(crate) fn from_entropy() -> Self {
        Random { state: AtomicU64::new(RandomState::new().hash_one(0)) }
    }

    pub(crate) fn seed(&self, seed: u64) {
        self.state.store(seed, Relaxed);
    }

    pub(crate) fn next(&self) -> u64 {
        mix(self.state.fetch_add(STEP, Relaxed).wrapping_add(STEP))
    }

    /// A number below `bound`, which is not zero. (The bias of the modulo is below `bound` / 2^64.)
    pub(crate) fn below(&self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// Spreads a word over all its bits.
pub(crate) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
