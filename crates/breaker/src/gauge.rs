//! A share of bad calls, and the limit for it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::{
    policy::Rate,
    window::{Sum, Window},
};

/// A rolling window with its [`Rate`]. Off without one.
#[derive(Debug)]
pub(crate) struct Gauge {
    window: Window,
    /// Zero: off.
    minimum: AtomicU32,
    /// Bits of an `f64`.
    share: AtomicU64,
}

impl Gauge {
    pub(crate) fn new(rate: Option<Rate>) -> Self {
        let gauge = Gauge {
            window: Window::new(),
            minimum: AtomicU32::new(0),
            share: AtomicU64::new(f64::MAX.to_bits()),
        };
        gauge.set(rate);
        gauge
    }

    /// Sets another limit, or none, and forgets what was counted.
    pub(crate) fn set(&self, rate: Option<Rate>) {
        self.window.clear();
        if let Some(rate) = rate {
            self.share.store(rate.share.to_bits(), Relaxed);
        }
        self.minimum.store(rate.map_or(0, |rate| rate.minimum), Relaxed);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.minimum() > 0
    }

    pub(crate) fn minimum(&self) -> u32 {
        self.minimum.load(Relaxed)
    }

    pub(crate) fn good(&self, tick: u64) {
        self.window.add(tick, false);
    }

    /// Counts a bad call; says what the window holds if that is too much.
    pub(crate) fn bad(&self, tick: u64) -> Option<Sum> {
        self.window.add(tick, true);
        let sum = self.window.sum(tick);
        let enough = sum.total >= u64::from(self.minimum());
        // Division rounds as a literal does, so 55 of 100 are exactly a share of 0.55; 0.55 x 100 is a little over 55.
        (enough && sum.bad as f64 / sum.total as f64 >= f64::from_bits(self.share.load(Relaxed)))
            .then_some(sum)
    }

    pub(crate) fn sum(&self, tick: u64) -> Sum {
        self.window.sum(tick)
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;

    const HALF: Rate = Rate { share: 0.5, minimum: 4 };

    #[test]
    fn less_than_the_share_is_not_too_much_however_many_there_are() {
        let gauge = Gauge::new(Some(HALF));
        (0..10).for_each(|_| gauge.good(0));
        assert_eq!((0..9).find_map(|_| gauge.bad(0)), None);
        assert_eq!(gauge.bad(0), Some(Sum { total: 20, bad: 10 }));
    }

    #[test]
    fn another_limit_forgets_what_was_counted() {
        let gauge = Gauge::new(Some(HALF));
        (0..3).for_each(|_| assert_eq!(gauge.bad(0), None));
        gauge.set(Some(Rate { minimum: 3, ..HALF }));
        assert_eq!(gauge.sum(0), Sum::default());
    }

    #[test]
    fn it_is_on_with_a_limit_and_off_without() {
        let gauge = Gauge::new(None);
        assert!(!gauge.is_on());
        gauge.set(Some(HALF));
        assert!(gauge.is_on());
        gauge.set(None);
        assert!(!gauge.is_on());
    }
}
