//! The provider's side: the token bucket that decides what is a 429.

use std::time::Duration;

use tokio::time::Instant;

/// A bucket that refills continuously. A call needs its input in it to be admitted and is charged for that at once; its
/// output is charged as it ends, into debt if need be.
#[derive(Debug)]
pub(crate) struct Bucket {
    capacity: f64,
    /// Tokens a second.
    rate: f64,
    level: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn new(capacity: f64, rate: f64) -> Self {
        Bucket { capacity, rate, level: capacity, at: Instant::now() }
    }

    /// Charges the input, or says when there will be enough.
    pub(crate) fn admit(&mut self, input: u64) -> Result<(), Duration> {
        self.refill();
        let missing = input as f64 - self.level;
        // A hair of tolerance, so that a client that waits as long as it was told is not one rounding short.
        if missing > 1e-6 {
            return Err(Duration::from_secs_f64(missing / self.rate));
        }
        self.level -= input as f64;
        Ok(())
    }

    /// Charges whether there is enough or not.
    pub(crate) fn charge(&mut self, tokens: u64) {
        self.refill();
        self.level -= tokens as f64;
    }

    /// What is left; below zero in debt.
    pub(crate) fn level(&mut self) -> f64 {
        self.refill();
        self.level
    }

    /// The time until it is full.
    pub(crate) fn full_in(&mut self) -> Duration {
        Duration::from_secs_f64((self.capacity - self.level()) / self.rate)
    }

    /// Tokens a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    fn refill(&mut self) {
        let now = Instant::now();
        let gained = (now - self.at).as_secs_f64() * self.rate;
        self.level = (self.level + gained).min(self.capacity);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn over_any_time_it_admits_its_capacity_and_its_rate_and_no_more() {
        let mut bucket = Bucket::new(1_000.0, 10.0);
        let mut admitted = 0;
        for _ in 0..600 {
            while bucket.admit(50).is_ok() {
                admitted += 50;
            }
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(admitted, 1_000 + 600 * 10 - 50);
    }

    #[tokio::test(start_paused = true)]
    async fn the_hint_is_exactly_long_enough() {
        let mut bucket = Bucket::new(1_000.0, 10.0);
        bucket.charge(1_200);
        assert_eq!(bucket.level().round() as i64, -200);
        let hint = bucket.admit(100).unwrap_err();
        assert_eq!(hint, Duration::from_secs(30));
        advance(Duration::from_millis(29_999)).await;
        assert!(bucket.admit(100).is_err());
        advance(Duration::from_millis(1)).await;
        assert!(bucket.admit(100).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_costs_nothing_and_idling_fills_no_more_than_the_bucket() {
        let mut bucket = Bucket::new(100.0, 10.0);
        assert!(bucket.admit(101).is_err());
        assert_eq!(bucket.level().round() as i64, 100);
        advance(Duration::from_secs(1_000)).await;
        assert_eq!((bucket.level().round() as i64, bucket.full_in()), (100, Duration::ZERO));
    }
}
