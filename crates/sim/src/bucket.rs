//! An honest rate limit: buckets that refill continuously, are charged for the input when a call is admitted and for
//! the output as it is generated, and whose numbers in the headers are the true ones.

use std::time::Duration;

use tokio::time::Instant;

use crate::ConfigError;

/// The rate limits of a provider.
///
/// The buckets are full at the start. A call is admitted when the request bucket holds one request and the token bucket
/// its input, and the output bucket, where output is counted apart, is not overdrawn. Output is charged token by token
/// as it is generated, and may overdraw: the next call waits longer. Nothing is reserved for `max_tokens`, and a refused
/// call costs nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Requests a minute.
    pub requests_per_minute: u64,
    /// Tokens a minute: of input and output together, or of input alone when output has a limit of its own, and at
    /// Google, which counts no output.
    pub tokens_per_minute: u64,
    /// Output tokens a minute, when they are counted apart, as Anthropic does.
    pub output_tokens_per_minute: Option<u64>,
    /// How much unused allowance can pile up, as a time at the full rate. By default 60 s: a full bucket holds what one
    /// minute refills.
    pub burst: Duration,
}

impl Bucket {
    /// One bucket of requests and one of tokens, each holding a minute's worth.
    pub fn per_minute(requests: u64, tokens: u64) -> Self {
        Self {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            output_tokens_per_minute: None,
            burst: Duration::from_secs(60),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let holds = |what, per_minute: u64| {
            if capacity(per_minute, self.burst) < 1.0 {
                return Err(ConfigError::new(what, "enough for the burst to hold at least 1", per_minute));
            }
            Ok(())
        };
        holds("Bucket::requests_per_minute", self.requests_per_minute)?;
        holds("Bucket::tokens_per_minute", self.tokens_per_minute)?;
        self.output_tokens_per_minute
            .map_or(Ok(()), |output| holds("Bucket::output_tokens_per_minute", output))
    }
}

impl Default for Bucket {
    /// 500 requests and 200 000 tokens a minute, in buckets of 60 s.
    fn default() -> Self {
        Self::per_minute(500, 200_000)
    }
}

fn capacity(per_minute: u64, burst: Duration) -> f64 {
    per_minute as f64 / 60.0 * burst.as_secs_f64()
}

/// What one bucket says of itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Level {
    /// The rate, a minute.
    pub(crate) limit: u64,
    /// Whole units left, never below zero.
    pub(crate) remaining: u64,
    /// The time until the bucket is full again.
    pub(crate) full_in: Duration,
}

/// All buckets at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    pub(crate) requests: Level,
    pub(crate) tokens: Level,
    /// The bucket that output is charged to: the same as `tokens` unless output is counted apart.
    pub(crate) output: Level,
}

/// Which limit a call ran into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    Requests,
    Tokens,
    Output,
}

/// Why a call was not admitted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Excess {
    pub(crate) dimension: Dimension,
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    pub(crate) requested: u64,
    /// `None`: more than the bucket can ever hold, so no wait will help.
    pub(crate) wait: Option<Duration>,
}

/// The running state of a [`Bucket`].
#[derive(Debug)]
pub(crate) struct Meter {
    requests: Tank,
    tokens: Tank,
    output: Option<Tank>,
}

impl Meter {
    pub(crate) fn new(bucket: &Bucket, now: Instant) -> Self {
        let tank = |per_minute| Tank::full(per_minute, bucket.burst, now);
        Self {
            requests: tank(bucket.requests_per_minute),
            tokens: tank(bucket.tokens_per_minute),
            output: bucket.output_tokens_per_minute.map(tank),
        }
    }

    /// Charges the call's input, or says which bucket keeps it out the longest.
    pub(crate) fn admit(&mut self, input: u64, now: Instant) -> Result<(), Excess> {
        let mut excess: Option<Excess> = None;
        let asks = [
            (Dimension::Requests, Some(&mut self.requests), 1),
            (Dimension::Tokens, Some(&mut self.tokens), input),
            (Dimension::Output, self.output.as_mut(), 0),
        ];
        for (dimension, tank, amount) in asks {
            let Some(found) = tank.and_then(|tank| tank.excess(dimension, amount, now)) else { continue };
            let longest = |other: &Excess| other.wait.unwrap_or(Duration::MAX);
            if excess.as_ref().is_none_or(|known| longest(known) < longest(&found)) {
                excess = Some(found);
            }
        }
        if let Some(excess) = excess {
            return Err(excess);
        }
        self.requests.level -= 1.0;
        self.tokens.level -= input as f64;
        Ok(())
    }

    /// Charges generated tokens, into debt if need be.
    pub(crate) fn charge_output(&mut self, tokens: u64, now: Instant) {
        let tank = self.output.as_mut().unwrap_or(&mut self.tokens);
        tank.refill(now);
        tank.level -= tokens as f64;
    }

    pub(crate) fn levels(&mut self, now: Instant) -> Levels {
        let tokens = self.tokens.read(now);
        Levels {
            requests: self.requests.read(now),
            tokens,
            output: self.output.as_mut().map_or(tokens, |output| output.read(now)),
        }
    }
}

#[derive(Debug)]
struct Tank {
    per_minute: u64,
    capacity: f64,
    level: f64,
    at: Instant,
}

impl Tank {
    fn full(per_minute: u64, burst: Duration, now: Instant) -> Self {
        let capacity = capacity(per_minute, burst);
        Self { per_minute, capacity, level: capacity, at: now }
    }

    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second();
        self.level = (self.level + gained).min(self.capacity);
        self.at = now;
    }

    fn per_second(&self) -> f64 {
        self.per_minute as f64 / 60.0
    }

    fn until(&self, level: f64) -> Duration {
        let seconds = (level - self.level).max(0.0) / self.per_second();
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    fn excess(&mut self, dimension: Dimension, amount: u64, now: Instant) -> Option<Excess> {
        self.refill(now);
        let needed = amount as f64;
        // A hair of tolerance, so that a client that waits exactly as long as it was told is not one rounding short.
        if self.level + 1e-6 >= needed {
            return None;
        }
        Some(Excess {
            dimension,
            limit: self.per_minute,
            remaining: self.level.max(0.0) as u64,
            requested: amount,
            wait: (needed <= self.capacity).then(|| self.until(needed)),
        })
    }

    fn read(&mut self, now: Instant) -> Level {
        self.refill(now);
        Level {
            limit: self.per_minute,
            remaining: (self.level + 1e-6).max(0.0) as u64,
            full_in: self.until(self.capacity),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(now: Instant, secs: u64) -> Instant {
        now + Duration::from_secs(secs)
    }

    #[test]
    fn output_overdraws_and_the_next_call_waits_for_it() {
        let now = Instant::now();
        let mut meter = Meter::new(&Bucket::per_minute(600, 600), now);
        meter.admit(600, now).unwrap();
        meter.charge_output(100, now);
        let excess = meter.admit(10, now).unwrap_err();
        assert_eq!(excess.dimension, Dimension::Tokens);
        assert_eq!(excess.wait, Some(Duration::from_secs(11)));
        assert!(meter.admit(10, later(now, 11)).is_ok());
    }

    #[test]
    fn a_refused_call_costs_nothing() {
        let now = Instant::now();
        let mut meter = Meter::new(&Bucket::per_minute(60, 1000), now);
        meter.admit(900, now).unwrap();
        meter.admit(200, now).unwrap_err();
        assert_eq!(meter.levels(now).requests.remaining, 59);
        assert_eq!(meter.levels(now).tokens.remaining, 100);
    }

    #[test]
    fn what_never_fits_has_no_wait() {
        let now = Instant::now();
        let mut meter = Meter::new(&Bucket::per_minute(60, 1000), now);
        assert_eq!(meter.admit(1001, now).unwrap_err().wait, None);
    }

    #[test]
    fn output_counted_apart_leaves_the_input_alone() {
        let now = Instant::now();
        let bucket = Bucket { output_tokens_per_minute: Some(60), ..Bucket::per_minute(60, 1000) };
        let mut meter = Meter::new(&bucket, now);
        meter.charge_output(65, now);
        assert_eq!(meter.levels(now).tokens.remaining, 1000);
        let excess = meter.admit(10, now).unwrap_err();
        assert_eq!((excess.dimension, excess.wait), (Dimension::Output, Some(Duration::from_secs(5))));
    }

    #[test]
    fn unused_allowance_piles_up_no_higher_than_the_burst() {
        let now = Instant::now();
        let bucket = Bucket { burst: Duration::from_secs(10), ..Bucket::per_minute(60, 600) };
        let mut meter = Meter::new(&bucket, now);
        assert_eq!(meter.levels(later(now, 300)).tokens.remaining, 100);
        assert_eq!(meter.levels(later(now, 300)).requests.remaining, 10);
    }

    proptest::proptest! {
        #[test]
        fn no_more_is_admitted_than_was_there(calls in proptest::collection::vec((0_u64..3000, 1_u64..200), 1..200)) {
            let start = Instant::now();
            let mut meter = Meter::new(&Bucket::per_minute(6000, 600), start);
            let (mut now, mut charged, mut last) = (start, 0, 0);
            for (gap, tokens) in calls {
                now += Duration::from_millis(gap);
                if meter.admit(tokens, now).is_ok() {
                    // As much output as input, which may overdraw by the last call's.
                    meter.charge_output(tokens, now);
                    charged += 2 * tokens;
                    last = tokens;
                }
            }
            let there = 600.0 + 10.0 * (now - start).as_secs_f64();
            proptest::prop_assert!(charged as f64 <= there + last as f64 + 1e-3, "{charged} of {there}");
        }
    }

    #[test]
    fn a_bucket_that_never_holds_one_is_refused() {
        let error = Bucket::per_minute(0, 10).check().unwrap_err();
        assert!(error.to_string().starts_with("Bucket::requests_per_minute"), "{error}");
        let short = Bucket { burst: Duration::from_secs(1), ..Bucket::per_minute(30, 6000) };
        assert!(short.check().is_err());
    }
}
