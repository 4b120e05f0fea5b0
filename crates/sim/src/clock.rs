//! Wall time that runs as fast as tokio's clock, so that `date` and the reset times in headers agree with a paused
//! test.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};
use tokio::time::Instant;

use crate::latency::LONGEST;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
    wall: Timestamp,
}

impl Clock {
    pub(crate) fn new(wall: Timestamp) -> Self {
        Self { start: Instant::now(), wall }
    }

    /// Time since the sim began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Seconds since the epoch, for `created` fields.
    pub(crate) fn unix(&self) -> i64 {
        self.wall_in(Duration::ZERO).as_second()
    }

    /// The `date` header.
    pub(crate) fn http_date(&self) -> String {
        let now = self.wall_in(Duration::ZERO);
        // Fails only before year 0, which a clock that runs forward from a valid start cannot reach.
        DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap_or_else(|_| now.to_string())
    }

    /// Now, to the nanosecond, as Ollama writes it.
    pub(crate) fn rfc3339(&self) -> String {
        self.wall_in(Duration::ZERO).to_string()
    }

    /// The moment `delay` from now, in whole seconds, as Anthropic writes it.
    pub(crate) fn rfc3339_in(&self, delay: Duration) -> String {
        let at = self.wall_in(delay);
        Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
    }

    fn wall_in(&self, delay: Duration) -> Timestamp {
        let since = self.elapsed().saturating_add(delay);
        SignedDuration::try_from(since)
            .ok()
            .and_then(|since| self.wall.checked_add(since).ok())
            .unwrap_or(Timestamp::MAX)
    }
}

/// `delay` after `start`, or a time that no test will see.
pub(crate) fn after(start: Instant, delay: Duration) -> Instant {
    start.checked_add(delay).unwrap_or_else(|| start + LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wall_time_follows_the_paused_clock() {
        let clock = Clock::new(Timestamp::from_second(1_767_225_600).unwrap());
        assert_eq!(clock.http_date(), "Thu, 01 Jan 2026 00:00:00 GMT");
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(clock.rfc3339_in(Duration::from_millis(500)), "2026-01-01T00:01:01Z");
        assert_eq!(clock.unix(), 1_767_225_661);
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(clock.rfc3339(), "2026-01-01T00:01:01.02Z");
    }
}
