//! The schedule of one answer: when each of its tokens is ready, whoever is there to read it.

use std::time::Duration;

use rand::rngs::StdRng;
use tokio::time::Instant;

use crate::{
    Latency,
    clock::after,
    latency::times,
    seed::{Purpose, Seed},
};

#[derive(Debug)]
pub(crate) struct Generation {
    rng: StdRng,
    per_token: Latency,
    slower: f64,
    tokens: u64,
    /// Tokens ready, and one more once the end is, too.
    ready: u64,
    next: Instant,
    /// A stalled provider goes no further than this.
    halt: u64,
}

impl Generation {
    pub(crate) fn new(
        seed: Seed,
        number: u64,
        first: Instant,
        per_token: Latency,
        slower: f64,
        tokens: u64,
    ) -> Self {
        let rng = seed.rng(number, Purpose::PerToken);
        Self { rng, per_token, slower, tokens, ready: 0, next: first, halt: tokens + 1 }
    }

    /// Stops for ever after this many tokens.
    pub(crate) fn halt_after(&mut self, tokens: u64) {
        self.halt = self.halt.min(tokens);
    }

    /// Catches up with the time, and says how many tokens became ready.
    pub(crate) fn advance(&mut self, now: Instant) -> u64 {
        let before = self.ready_tokens();
        while self.ready < self.halt && self.next <= now {
            self.ready += 1;
            let delay: Duration = times(self.per_token.draw(&mut self.rng), self.slower);
            self.next = after(self.next, delay);
        }
        self.ready_tokens() - before
    }

    pub(crate) fn ready_tokens(&self) -> u64 {
        self.ready.min(self.tokens)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.ready > self.tokens
    }

    /// When the next token, or the end, is ready.
    pub(crate) fn next(&self) -> Instant {
        self.next
    }
}
