//! Governor's limiter, and what it cannot do by itself: take a request back, and be told of requests of others.

use std::{cell::Cell, fmt, num::NonZeroU32, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos as Time,
    state::{NotKeyed, StateStore},
};

use super::{Nanos, SECOND};

type Limiter = RateLimiter<NotKeyed, Arrival, Hand, NoOpMiddleware<Time>>;

/// A clock that shows what the engine sets it to: governor then runs on tokio's time, paused or not.
#[derive(Debug)]
struct Hand(Cell<Nanos>);

impl Clock for Hand {
    type Instant = Time;

    #[inline]
    fn now(&self) -> Time {
        self.0.get().into()
    }
}

/// Governor's state, the next call's theoretical arrival. Its own is an atomic, which the gate's lock makes superfluous.
#[derive(Debug, Default)]
struct Arrival(Cell<Option<Time>>);

impl StateStore for Arrival {
    type Key = NotKeyed;

    #[inline]
    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Time>) -> Result<(T, Time), E>,
    {
        let (outcome, next) = decide(self.0.get())?;
        self.0.set(Some(next));
        Ok(outcome)
    }
}

/// A bucket of requests. It starts full.
pub(crate) struct Gcra {
    limiter: Limiter,
    per_minute: u64,
    burst: NonZeroU32,
    /// Between two requests.
    interval: Nanos,
    /// Requests that were counted but never sent. Each lets one pass without being counted.
    credits: u32,
    /// When the bucket will be full again.
    full_at: Nanos,
}

impl Gcra {
    pub(crate) fn new(per_minute: u64, burst: Duration, now: Nanos) -> Self {
        // Rounded up, so that rounding never lets more pass.
        let interval = (60 * SECOND).div_ceil(per_minute.max(1));
        let requests = per_minute as f64 * burst.as_secs_f64() / 60.0;
        let burst = NonZeroU32::new(requests as u32).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(Duration::from_nanos(interval))
            .expect("an interval of at least a nanosecond is a valid period")
            .allow_burst(burst);
        let limiter = RateLimiter::new(quota, Arrival::default(), Hand(Cell::new(now)));
        Gcra { limiter, per_minute, burst, interval, credits: 0, full_at: now }
    }

    #[inline]
    pub(crate) fn check(&mut self, now: Nanos) -> Result<(), Nanos> {
        self.expire_credits(now);
        if self.credits > 0 {
            self.credits -= 1;
            return Ok(());
        }
        self.limiter.clock().0.set(now);
        match self.limiter.check() {
            Ok(()) => {
                self.counted(now, 1);
                Ok(())
            }
            Err(until) => Err(now + until.wait_time_from(now.into()).as_nanos() as u64),
        }
    }

    pub(crate) fn give_back(&mut self, now: Nanos) {
        self.credits = self.credits.saturating_add(1);
        self.expire_credits(now);
    }

    /// Counts requests that others have made.
    pub(crate) fn burn(&mut self, now: Nanos, requests: u64) {
        self.expire_credits(now);
        let credits = u64::from(self.credits).min(requests);
        self.credits -= credits as u32;
        let cells = (requests - credits).min(self.counted_remaining(now));
        let Some(cells) = u32::try_from(cells).ok().and_then(NonZeroU32::new) else { return };
        self.limiter.clock().0.set(now);
        if let Ok(Ok(())) = self.limiter.check_n(cells) {
            self.counted(now, cells.get());
        }
    }

    /// A credit is worth nothing once the request that it stands for has been refilled.
    #[inline]
    fn expire_credits(&mut self, now: Nanos) {
        if self.credits > 0 {
            self.credits = self.valid_credits(now);
        }
    }

    fn valid_credits(&self, now: Nanos) -> u32 {
        u64::from(self.credits).min(self.used(now)) as u32
    }

    /// Requests that have not been refilled.
    fn used(&self, now: Nanos) -> u64 {
        self.full_at.saturating_sub(now).div_ceil(self.interval)
    }

    /// Governor counted so many: the same sum as its own, which it does not show.
    #[inline]
    fn counted(&mut self, now: Nanos, requests: u32) {
        self.full_at = self.full_at.max(now) + u64::from(requests) * self.interval;
    }

    fn counted_remaining(&self, now: Nanos) -> u64 {
        u64::from(self.burst.get()).saturating_sub(self.used(now))
    }

    /// How many may pass now.
    pub(crate) fn remaining(&self, now: Nanos) -> u64 {
        self.counted_remaining(now) + u64::from(self.valid_credits(now))
    }

    pub(crate) fn per_minute(&self) -> u64 {
        self.per_minute
    }

    pub(crate) fn burst(&self) -> u64 {
        self.burst.get().into()
    }
}

impl fmt::Debug for Gcra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gcra")
            .field("per_minute", &self.per_minute)
            .field("burst", &self.burst)
            .field("credits", &self.credits)
            .finish_non_exhaustive()
    }
}
