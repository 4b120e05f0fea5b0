//! Where randomness comes from: every draw has its own generator, so that the order in which calls happen to be
//! polled changes nothing.

use rand::{SeedableRng, rngs::StdRng};

/// What a generator is for; two purposes of one call never share draws.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Output,
    FirstToken,
    PerToken,
    Rule(usize),
    Accept,
    Garbage,
    Id,
}

/// The root that all generators of one sim derive from: its seed and its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn new(name: &str, seed: u64) -> Self {
        Self(name.bytes().fold(mix(seed), |state, byte| mix(state ^ u64::from(byte))))
    }

    pub(crate) fn rng(self, number: u64, purpose: Purpose) -> StdRng {
        StdRng::seed_from_u64(self.hash(number, purpose))
    }

    pub(crate) fn hash(self, number: u64, purpose: Purpose) -> u64 {
        let salt = match purpose {
            Purpose::Output => 1,
            Purpose::FirstToken => 2,
            Purpose::PerToken => 3,
            Purpose::Accept => 4,
            Purpose::Garbage => 5,
            Purpose::Id => 6,
            Purpose::Rule(place) => 16 + place as u64,
        };
        mix(mix(self.0 ^ mix(number)) ^ salt)
    }

    /// The hash that picks word `index` of every answer.
    pub(crate) fn word(self, index: u64) -> u64 {
        mix(self.0 ^ mix(!index))
    }
}

/// The finaliser of splitmix64.
fn mix(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}
