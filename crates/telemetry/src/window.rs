//! Latencies of the recent past.

use std::time::Duration;

use buttress_call::buckets;
use tokio::time::Instant;

use crate::Quantiles;

/// Two histograms of half a window each; the older one is thrown away when the younger one's time is over.
#[derive(Debug)]
pub(crate) struct Window {
    half: Duration,
    /// When the younger half began.
    since: Instant,
    young: Box<[u32]>,
    old: Box<[u32]>,
}

impl Window {
    pub(crate) fn new(window: Duration, now: Instant) -> Self {
        let counts = || vec![0; buckets::COUNT].into_boxed_slice();
        Window { half: window / 2, since: now, young: counts(), old: counts() }
    }

    #[inline]
    pub(crate) fn record(&mut self, now: Instant, value: Duration) {
        self.turn(now);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        let count = &mut self.young[buckets::of(micros)];
        *count = count.saturating_add(1);
    }

    #[inline]
    fn turn(&mut self, now: Instant) {
        let age = now.saturating_duration_since(self.since);
        if age >= self.half {
            self.rotate(now, age);
        }
    }

    #[cold]
    fn rotate(&mut self, now: Instant, age: Duration) {
        std::mem::swap(&mut self.young, &mut self.old);
        self.young.fill(0);
        if age >= 2 * self.half {
            self.old.fill(0);
        }
        self.since = now;
    }

    pub(crate) fn quantiles(&mut self, now: Instant) -> Quantiles {
        self.turn(now);
        let counts = self.young.iter().zip(&self.old).map(|(young, old)| u64::from(*young) + u64::from(*old));
        let quantile = |q| buckets::quantile(counts.clone(), q).map(Duration::from_micros);
        Quantiles {
            samples: counts.clone().sum(),
            p50: quantile(0.5),
            p95: quantile(0.95),
            p99: quantile(0.99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_older_than_the_window_is_forgotten() {
        let start = Instant::now();
        let mut window = Window::new(10 * SECOND, start);
        window.record(start, SECOND);
        assert_eq!(window.quantiles(start + 6 * SECOND).samples, 1);
        window.record(start + 6 * SECOND, 2 * SECOND);
        let both = window.quantiles(start + 6 * SECOND);
        assert_eq!(both.samples, 2);
        let near = |quantile: Option<Duration>, seconds: f64| {
            let found = quantile.unwrap().as_secs_f64();
            assert!((found - seconds).abs() <= seconds / 16.0, "{found}");
        };
        near(both.p50, 1.0);
        near(both.p99, 2.0);
        assert_eq!(window.quantiles(start + 11 * SECOND).samples, 1);
        window.record(start + 11 * SECOND, SECOND);
        assert_eq!(window.quantiles(start + 60 * SECOND), Quantiles::default());
    }
}
