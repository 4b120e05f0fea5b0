//! A call on its way, with what its attempts have cost so far.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

/// One call of the workload.
#[derive(Debug, Default)]
pub(super) struct Trip {
    pub(super) number: usize,
    pub(super) input: u64,
    pub(super) output: u64,
    /// By provider.
    attempts: [AtomicU32; 3],
    refused: AtomicU32,
    /// What the providers had to do with: the input of each attempt that they worked on, and what they generated.
    tokens: AtomicU64,
}

impl Trip {
    pub(super) fn new(number: usize, input: u64, output: u64) -> Self {
        Trip { number, input, output, ..Trip::default() }
    }

    /// Another attempt reaches this provider: how many there were before.
    pub(super) fn attempt(&self, provider: usize) -> u32 {
        self.attempts[provider].fetch_add(1, Relaxed)
    }

    /// A provider says 429.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn attempts(&self) -> u32 {
        self.attempts.iter().map(|attempts| attempts.load(Relaxed)).sum()
    }

    pub(super) fn refused(&self) -> u32 {
        self.refused.load(Relaxed)
    }

    pub(super) fn tokens(&self) -> u64 {
        self.tokens.load(Relaxed)
    }
}

/// What one attempt costs, however it ends: a provider stops when the connection closes.
#[derive(Debug)]
pub(super) struct Bill {
    trip: Arc<Trip>,
    first_token_at: Instant,
    per_token: Duration,
}

impl Bill {
    pub(super) fn new(trip: Arc<Trip>, first_token: Duration, per_token: Duration) -> Self {
        trip.tokens.fetch_add(trip.input, Relaxed);
        Bill { trip, first_token_at: Instant::now() + first_token, per_token }
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let decoding = Instant::now().saturating_duration_since(self.first_token_at);
        let tokens = decoding.as_nanos() / self.per_token.as_nanos().max(1);
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX).min(self.trip.output);
        self.trip.tokens.fetch_add(tokens, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn an_attempt_costs_its_input_and_what_was_generated_by_its_end() {
        clock::simulate(async {
            let trip = Arc::new(Trip::new(0, 100, 50));
            for (after_ms, cost) in [(500, 100), (1_200, 110), (60_000, 150)] {
                let before = trip.tokens();
                let bill = Bill::new(trip.clone(), Duration::from_secs(1), Duration::from_millis(20));
                tokio::time::advance(Duration::from_millis(after_ms)).await;
                drop(bill);
                assert_eq!(trip.tokens() - before, cost);
            }
        });
    }
}
