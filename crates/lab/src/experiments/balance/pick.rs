//! The simple ways to choose a replica.

use rand::{RngExt, rngs::StdRng};

use super::{arm::Arm, fleet::Replica};

/// Chooses for the simple arms.
#[derive(Debug)]
pub(super) struct Picker {
    arm: Arm,
    rng: StdRng,
    turn: usize,
}

impl Picker {
    pub(super) fn new(arm: Arm, rng: StdRng) -> Self {
        Picker { arm, rng, turn: 0 }
    }

    pub(super) fn pick<'a>(&mut self, replicas: &'a [Replica]) -> &'a Replica {
        let at = match self.arm {
            Arm::RoundRobin => {
                self.turn = (self.turn + 1) % replicas.len();
                self.turn
            }
            Arm::LeastInFlight => {
                let least = replicas.iter().map(Replica::in_flight).min().unwrap_or(0);
                let idle: Vec<usize> = replicas
                    .iter()
                    .filter(|replica| replica.in_flight() == least)
                    .map(|replica| replica.index)
                    .collect();
                // Equals share, or the first of the list would have most of a quiet fleet's calls.
                idle[self.rng.random_range(..idle.len())]
            }
            _ => self.rng.random_range(..replicas.len()),
        };
        &replicas[at]
    }
}
