//! Limits as they are now, shared by every clone of a layer.

use std::time::Duration;

use buttress_call::RunningQuantile;

use crate::{TimeLimit, Timeouts};

/// Fewer times than this say little about a 95th percentile: it would be the largest of them.
const MIN_SAMPLES: u64 = 20;
/// Times remembered: enough for 50 above the percentile, few enough to follow a provider through a day.
const WINDOW: u32 = 1_000;

/// What all clones of a layer, and all services made by it, share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) timeouts: Timeouts,
    // Two of them: a whole answer takes ten times as long as a stream's first token.
    pub(crate) first_content: Option<Estimate>,
    pub(crate) answer: Option<Estimate>,
}

impl Shared {
    pub(crate) fn new(timeouts: Timeouts) -> Self {
        Shared {
            timeouts,
            first_content: timeouts.first_content.map(Estimate::new),
            answer: timeouts.answer.map(Estimate::new),
        }
    }

    /// The one for calls of this sort.
    pub(crate) fn estimate(&self, stream: bool) -> Option<&Estimate> {
        if stream { self.first_content.as_ref() } else { self.answer.as_ref() }
    }
}

/// A limit that may learn.
#[derive(Debug)]
pub(crate) struct Estimate {
    limit: TimeLimit,
    p95: Option<RunningQuantile>,
}

impl Estimate {
    fn new(limit: TimeLimit) -> Self {
        let p95 = matches!(limit, TimeLimit::Adaptive { .. }).then(|| {
            RunningQuantile::new(0.95, WINDOW).expect("0.95 lies between 0 and 1, the window is above 2")
        });
        Estimate { limit, p95 }
    }

    /// The limit for a call that begins now.
    pub(crate) fn now(&self) -> Duration {
        match self.limit {
            TimeLimit::Fixed(limit) => limit,
            TimeLimit::Adaptive { factor, min, max } => {
                let p95 = self.p95.as_ref().and_then(|p95| p95.duration(MIN_SAMPLES));
                p95.and_then(|p95| Duration::try_from_secs_f64(p95.as_secs_f64() * factor).ok())
                    .map_or(max, |limit| limit.clamp(min, max))
            }
        }
    }

    pub(crate) fn record(&self, took: Duration) {
        if let Some(p95) = &self.p95 {
            p95.record_duration(took);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_the_longest_until_twenty_times_are_known() {
        let estimate = Estimate::new(TimeLimit::adaptive());
        for _ in 0..19 {
            estimate.record(SECOND);
            assert_eq!(estimate.now(), 10 * SECOND);
        }
        estimate.record(SECOND);
        let now = estimate.now().as_secs_f64();
        assert!((3.9..4.2).contains(&now), "{now}");
    }

    #[test]
    fn it_is_clamped_at_both_ends() {
        for (took, limit) in [(SECOND / 100, 3 * SECOND), (20 * SECOND, 10 * SECOND)] {
            let estimate = Estimate::new(TimeLimit::adaptive());
            (0..100).for_each(|_| estimate.record(took));
            assert_eq!(estimate.now(), limit);
        }
    }

    #[test]
    fn a_fixed_limit_learns_nothing() {
        let estimate = Estimate::new(SECOND.into());
        (0..100).for_each(|_| estimate.record(20 * SECOND));
        assert_eq!(estimate.now(), SECOND);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_clamp_whatever_it_sees(
            times in prop::collection::vec(any::<u64>(), 0..200),
            factor in prop_oneof![1e-9..1e9, Just(f64::MAX), Just(f64::MIN_POSITIVE)],
            min in 1_u64..100_000,
            more in 0_u64..100_000,
        ) {
            let (min, max) = (Duration::from_millis(min), Duration::from_millis(min + more));
            let estimate = Estimate::new(TimeLimit::Adaptive { factor, min, max });
            for time in times {
                estimate.record(Duration::from_micros(time));
                let now = estimate.now();
                prop_assert!(min <= now && now <= max, "{:?}", now);
            }
        }
    }
}
