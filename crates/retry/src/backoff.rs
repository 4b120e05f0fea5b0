//! How long to wait before the next attempt.

use std::{ops::RangeInclusive, time::Duration};

use crate::{InvalidRetries, random::Random};

/// How long to wait before the next attempt, when the provider does not say.
///
/// With n counted from zero, `t = min(base * 2^n, cap)`, and `jitter` makes a delay of it that never passes `cap`. The
/// doubling gives a provider in trouble more room with each attempt; the jitter keeps clients that failed together from
/// coming back together, which is what would keep it in trouble.
///
/// ```
/// use std::time::Duration;
/// use buttress_retry::{Backoff, Jitter};
///
/// let backoff = Backoff { base: Duration::from_secs(1), ..Backoff::default() };
/// assert_eq!((backoff.cap, backoff.jitter), (Duration::from_secs(8), Jitter::Full));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// The first t. Above zero. Default: 500 ms, as in OpenAI's and Anthropic's own clients.
    pub base: Duration,
    /// The longest delay. Not below `base`. Default: 8 s, as in OpenAI's and Anthropic's own clients.
    pub cap: Duration,
    /// What is made of t. Default: [`Jitter::Full`].
    pub jitter: Jitter,
}

/// What is made of t, the exponential delay.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// Between 0 and t. Of all, it sends the fewest calls for nothing: clients that contend for one row, 100 at once,
    /// need 43 % of the calls and 8 % of the time that they need without jitter (AWS's model, simulated).
    Full,
    /// Between t/2 and t: for whoever needs a shortest wait.
    Equal,
    /// Between `base` and three times the delay before (at first, of `base`), at most `cap`: it grows by chance instead
    /// of by count, so it may be longer than t.
    Decorrelated,
    /// t and such a share of it, drawn from this range, on top. Both ends are finite and not negative.
    ///
    /// t itself stops growing where the largest share would pass the cap. A plain clamp of the sum would send all who
    /// have reached the cap at the same instant again.
    Proportional(RangeInclusive<f64>),
    /// t itself: clients that fail together come back together. For comparisons.
    None,
}

impl Default for Backoff {
    /// Full jitter over 500 ms, 1 s, 2 s, … up to 8 s.
    fn default() -> Self {
        Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(8), jitter: Jitter::Full }
    }
}

impl Backoff {
    /// `min(base * 2^n, max)` plus 10 to 30 % of it, within `max`: 1.1 to 1.3 s, 2.2 to 2.6 s, 4.4 to 5.2 s, … for a
    /// base of 1 s; with a max of 30 s at most 25.4 to 30 s.
    ///
    /// Waits are long and close together; [`Jitter::Full`] spreads them better. See [`Jitter::Proportional`] for how the
    /// sum stays within `max`.
    ///
    /// ```
    /// use std::time::Duration;
    /// use buttress_retry::{Backoff, Retries, RetryPolicy};
    ///
    /// let backoff = Backoff::proportional(Duration::from_secs(1), Duration::from_secs(30));
    /// let policy = RetryPolicy::new(Retries { backoff, ..Retries::default() })?;
    /// # let _ = policy;
    /// # Ok::<(), buttress_retry::InvalidRetries>(())
    /// ```
    pub const fn proportional(base: Duration, max: Duration) -> Self {
        Backoff { base, cap: max, jitter: Jitter::Proportional(0.1..=0.3) }
    }

    pub(crate) fn check(&self) -> Result<(), InvalidRetries> {
        let Backoff { base, cap, jitter } = self;
        if base.is_zero() {
            return Err(InvalidRetries::new("backoff.base", base, "must be above zero"));
        }
        if cap < base {
            return Err(InvalidRetries::new("backoff.cap", cap, "must not be below backoff.base"));
        }
        if let Jitter::Proportional(share) = jitter {
            let (low, high) = (*share.start(), *share.end());
            // NaN fails the comparisons.
            if !(low >= 0.0 && high >= 0.0 && high.is_finite()) {
                let rule = "both ends must be finite and not negative";
                return Err(InvalidRetries::new("backoff.jitter", share, rule));
            }
            if low > high {
                return Err(InvalidRetries::new("backoff.jitter", share, "the ends are reversed"));
            }
        }
        Ok(())
    }

    /// The delay after `n` earlier ones, of which `last` was the latest. In nanoseconds, which last for 584 years.
    pub(crate) fn delay(&self, n: u8, last: u64, random: &Random) -> u64 {
        let t = self.exponential(n);
        let cap = nanos(self.cap);
        match &self.jitter {
            Jitter::None => t,
            Jitter::Full => random.between(0, t),
            Jitter::Equal => random.between(t.div_ceil(2), t),
            Jitter::Decorrelated => {
                let base = nanos(self.base);
                random.between(base, last.max(base).saturating_mul(3).min(cap))
            }
            Jitter::Proportional(share) => {
                let (low, high) = (*share.start(), *share.end());
                let t = (t as f64).min(cap as f64 / (1.0 + high));
                let share = low + (high - low) * random.unit();
                // The cast saturates; rounding may not pass the cap either.
                ((t * (1.0 + share)) as u64).min(cap)
            }
        }
    }

    /// `min(base * 2^n, cap)`. The cap is halved before the base is doubled, so nothing overflows.
    fn exponential(&self, n: u8) -> u64 {
        let (base, cap) = (nanos(self.base), nanos(self.cap));
        let room = cap.checked_shr(n.into()).unwrap_or(0);
        if base > room { cap } else { base << n }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn jitter() -> impl Strategy<Value = Jitter> {
        let share = (0.0..10.0_f64, 0.0..10.0_f64);
        prop_oneof![
            Just(Jitter::None),
            Just(Jitter::Full),
            Just(Jitter::Equal),
            Just(Jitter::Decorrelated),
            share.prop_map(|(a, b)| Jitter::Proportional(a.min(b)..=a.max(b))),
        ]
    }

    fn time() -> impl Strategy<Value = Duration> {
        prop_oneof![
            (1..10_u64).prop_map(Duration::from_nanos),
            (1..100_000_u64).prop_map(Duration::from_millis),
            any::<u64>().prop_map(|nanos| Duration::from_nanos(nanos.max(1))),
            Just(Duration::MAX),
        ]
    }

    #[test]
    fn it_doubles_for_as_long_as_there_is_room() {
        let [base, cap] = [1, 3].map(Duration::from_nanos);
        let backoff = Backoff { base, cap, jitter: Jitter::None };
        assert_eq!([0, 1, 2].map(|n| backoff.exponential(n)), [1, 2, 3]);
    }

    proptest! {
        #[test]
        fn no_jitter_passes_the_cap_and_nothing_overflows(
            (a, b) in (time(), time()),
            jitter in jitter(),
            seed: u64,
            last: u64,
        ) {
            let backoff = Backoff { base: a.min(b), cap: a.max(b), jitter };
            prop_assert_eq!(backoff.check(), Ok(()));
            let random = Random::seeded(seed);
            let (mut last, mut t) = (last, 0);
            for n in 0..=u8::MAX {
                last = backoff.delay(n, last, &random);
                prop_assert!(last <= nanos(backoff.cap));
                let next = backoff.exponential(n);
                prop_assert!(t <= next && next <= nanos(backoff.cap));
                t = next;
                match backoff.jitter {
                    Jitter::Full => prop_assert!(last <= t),
                    Jitter::Equal => prop_assert!(t / 2 <= last && last <= t),
                    Jitter::Decorrelated => prop_assert!(nanos(backoff.base) <= last),
                    _ => {}
                }
            }
            prop_assert_eq!(t, nanos(backoff.cap), "255 doublings reach any cap");
        }
    }

    fn different(backoff: &Backoff, n: u8) -> usize {
        let random = Random::seeded(1);
        (0..100).map(|_| backoff.delay(n, 0, &random)).collect::<std::collections::HashSet<_>>().len()
    }

    #[test]
    fn delays_differ_from_the_first_one_on() {
        for jitter in [Jitter::Full, Jitter::Equal, Jitter::Decorrelated, Jitter::Proportional(0.1..=0.3)] {
            let backoff = Backoff { jitter, ..Backoff::default() };
            assert!(different(&backoff, 0) > 90, "{backoff:?}");
        }
        assert_eq!(different(&Backoff { jitter: Jitter::None, ..Backoff::default() }, 0), 1);
    }

    #[test]
    fn at_the_cap_proportional_delays_still_differ() {
        let backoff = Backoff::proportional(Duration::from_secs(1), Duration::from_secs(30));
        assert!(different(&backoff, 20) > 90);
    }
}
