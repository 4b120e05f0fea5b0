//! A rolling window of ten buckets, each one atomic word: tick 22 bits | total 21 | bad 21.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::sync::AtomicU64;

pub(crate) const BUCKETS: u64 = 10;
/// A power of two, so that a bucket's place is cut out of its tick without a division: every call pays for it.
pub(crate) const PLACES: u64 = 16;

const COUNT_BITS: u32 = 21;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const TICK_BITS: u32 = 22;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;

/// Counts calls, and the bad ones among them, over the last ten ticks.
///
/// A bucket knows the tick it belongs to, so nobody has to empty it: it is used again when its turn comes, and left
/// out of a sum before. Ticks of a later generation of the circuit begin sixteen further on ([`tick`]), so a recovery
/// leaves all older buckets behind without touching one.
#[derive(Debug)]
pub(crate) struct Window {
    buckets: [AtomicU64; PLACES as usize],
}

/// Calls, and the bad ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) total: u64,
    pub(crate) bad: u64,
}

/// The tick of a time in a generation. It goes on evenly when the generation wraps at 2^22, because sixteen times that is a
/// multiple of that, too.
pub(crate) fn tick(now_ms: u64, bucket_ms: u64, generation: u32) -> u64 {
    (now_ms / bucket_ms.max(1)).wrapping_add(u64::from(generation) * PLACES)
}

impl Window {
    pub(crate) fn new() -> Self {
        Window { buckets: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Counts a call.
    pub(crate) fn add(&self, tick: u64, bad: bool) {
        let bucket = self.bucket(tick);
        let mut held = bucket.load(Acquire);
        loop {
            let sum = match (age(tick, held), unpack(held)) {
                (0, sum) => sum,
                // The bucket has gone on since this call looked at the clock: too late to count.
                (age, sum) if age > TICK_MASK - PLACES && sum.total > 0 => return,
                _ => Sum::default(),
            };
            if sum.total == COUNT_MASK {
                // Two million calls in one bucket: their ratio stands for the rest.
                return;
            }
            let next = pack(tick, Sum { total: sum.total + 1, bad: sum.bad + u64::from(bad) });
            match bucket.compare_exchange_weak(held, next, AcqRel, Acquire) {
                Ok(_) => return,
                Err(now) => held = now,
            }
        }
    }

    /// What the ten ticks up to this one hold.
    pub(crate) fn sum(&self, tick: u64) -> Sum {
        let mut all = Sum::default();
        for back in 0..BUCKETS {
            let tick = tick.wrapping_sub(back);
            let held = self.bucket(tick).load(Acquire);
            if age(tick, held) == 0 {
                let sum = unpack(held);
                all.total += sum.total;
                all.bad += sum.bad;
            }
        }
        all
    }

    pub(crate) fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, std::sync::atomic::Ordering::Release);
        }
    }

    fn bucket(&self, tick: u64) -> &AtomicU64 {
        &self.buckets[(tick % PLACES) as usize]
    }
}

/// How many ticks lie between a bucket's and this one, modulo 2^22. An idle bucket is mistaken for a new one after so many
/// ticks: nearly five months of silence with a window of 30 s.
fn age(tick: u64, held: u64) -> u64 {
    tick.wrapping_sub(held >> (2 * COUNT_BITS)) & TICK_MASK
}

fn pack(tick: u64, sum: Sum) -> u64 {
    ((tick & TICK_MASK) << (2 * COUNT_BITS)) | (sum.total << COUNT_BITS) | sum.bad
}

fn unpack(held: u64) -> Sum {
    Sum { total: (held >> COUNT_BITS) & COUNT_MASK, bad: held & COUNT_MASK }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_window_counts_from_any_tick_on() {
        for tick in (TICK_MASK - 20)..(TICK_MASK + 20) {
            let window = Window::new();
            window.add(tick, true);
            assert_eq!(window.sum(tick), Sum { total: 1, bad: 1 }, "{tick}");
        }
    }

    #[test]
    fn whoever_comes_late_to_a_bucket_that_has_gone_on_does_not_count() {
        let window = Window::new();
        window.add(10 + PLACES, false);
        window.add(10, true);
        assert_eq!(window.sum(10 + PLACES), Sum { total: 1, bad: 0 });
    }

    #[test]
    fn a_bucket_is_used_again_after_any_pause() {
        for pause in [PLACES, 1_000, 200_000, 1 << 19, 1 << 21] {
            let window = Window::new();
            window.add(20, true);
            let now = 20 + pause / PLACES * PLACES;
            window.add(now, true);
            assert_eq!(window.sum(now), Sum { total: 1, bad: 1 }, "{pause}");
        }
    }

    #[test]
    fn a_later_generation_sees_nothing_of_an_earlier_one_at_the_same_time() {
        let window = Window::new();
        for ms in 0..10 {
            window.add(tick(ms, 1, 7), true);
        }
        assert_eq!(window.sum(tick(9, 1, 7)).bad, 10);
        assert_eq!(window.sum(tick(9, 1, 8)), Sum::default());
    }

    #[test]
    fn a_generation_that_wraps_goes_on_evenly() {
        const LAST: u32 = (1 << 22) - 1;
        let window = Window::new();
        window.add(tick(5, 1, LAST), true);
        assert_eq!(window.sum(tick(5, 1, 0)), Sum::default());
        window.add(tick(5, 1, 0), false);
        assert_eq!(window.sum(tick(6, 1, 0)), Sum { total: 1, bad: 0 });
    }

    #[test]
    fn a_full_bucket_keeps_its_ratio() {
        let window = Window::new();
        window
            .bucket(0)
            .store(pack(0, Sum { total: COUNT_MASK, bad: 7 }), std::sync::atomic::Ordering::Relaxed);
        window.add(0, true);
        assert_eq!(window.sum(0), Sum { total: COUNT_MASK, bad: 7 });
    }

    proptest! {
        #[test]
        fn it_sums_exactly_what_ten_ticks_hold(
            calls in prop::collection::vec((0_u64..4, any::<bool>()), 1..200),
            start in 0_u64..(1 << 21),
        ) {
            let window = Window::new();
            let mut now = start;
            let mut log = Vec::new();
            for (pause, bad) in calls {
                now += pause;
                window.add(now, bad);
                log.push((now, bad));
                let within: Vec<_> = log.iter().filter(|(at, _)| at + BUCKETS > now).collect();
                let bad = within.iter().filter(|(_, bad)| *bad).count() as u64;
                prop_assert_eq!(window.sum(now), Sum { total: within.len() as u64, bad });
            }
        }

        #[test]
        fn a_call_of_any_tick_counts_in_its_bucket_unless_that_has_gone_on(
            calls in prop::collection::vec((0_u64..12, 0_u64..16, any::<bool>()), 1..200),
            start in (TICK_MASK - 200)..(TICK_MASK + 200),
        ) {
            let window = Window::new();
            let mut places = [None; PLACES as usize];
            let mut now = start;
            for (pause, late, bad) in calls {
                now += pause;
                let tick = now - late;
                window.add(tick, bad);
                let (held, sum) = places[(tick % PLACES) as usize].get_or_insert((tick, Sum::default()));
                if tick > *held {
                    (*held, *sum) = (tick, Sum::default());
                }
                if tick == *held {
                    (sum.total, sum.bad) = (sum.total + 1, sum.bad + u64::from(bad));
                }
                let within = places.iter().flatten().filter(|(at, _)| *at <= now && at + BUCKETS > now);
                let expected = within.fold(Sum::default(), |all, (_, sum)| Sum {
                    total: all.total + sum.total,
                    bad: all.bad + sum.bad,
                });
                prop_assert_eq!(window.sum(now), expected);
            }
        }
    }
}
