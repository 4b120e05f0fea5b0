//! A rolling window of ten buckets, each one atomic word: tick 20 bits | total 22 | bad 22.

use std::sync::atomic::Ordering::{AcqRel, Acquire};

use crate::sync::AtomicU64;

pub(crate) const BUCKETS: u64 = 10;

const COUNT_BITS: u32 = 22;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;
const TICK_BITS: u32 = 20;
const TICK_MASK: u64 = (1 << TICK_BITS) - 1;

/// Counts calls, and the bad ones among them, over the last ten ticks.
///
/// A bucket knows the tick it belongs to, so nobody has to empty it: it is used again when its turn comes, and left
/// out of a sum before. Ticks of a later generation of the circuit begin ten further on ([`tick`]), so a recovery
/// leaves all older buckets behind without touching one.
#[derive(Debug)]
pub(crate) struct Window {
    buckets: [AtomicU64; BUCKETS as usize],
}

/// Calls, and the bad ones among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) total: u64,
    pub(crate) bad: u64,
}

/// The tick of a time in a generation. It goes on evenly when the generation wraps at 2^22, because ten times that is a
/// multiple both of ten and of 2^20.
pub(crate) fn tick(now_ms: u64, bucket_ms: u64, generation: u32) -> u64 {
    (now_ms / bucket_ms.max(1)).wrapping_add(u64::from(generation) * BUCKETS)
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
                (age, sum) if age > TICK_MASK - BUCKETS && sum.total > 0 => return,
                _ => Sum::default(),
            };
            if sum.total == COUNT_MASK {
                // Four million calls in one bucket: their ratio stands for the rest.
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
        &self.buckets[(tick % BUCKETS) as usize]
    }
}

/// How many ticks lie between a bucket's and this one, modulo 2^20. An idle bucket is mistaken for a new one after
/// five times 2^20 ticks: half a year of silence with a window of 30 s.
fn age(tick: u64, held: u64) -> u64 {
    tick.wrapping_sub(held >> (2 * COUNT_BITS)) & TICK_MASK
}

fn pack(tick: u64, sum: Sum) -> u64 {
    ((tick & TICK_MASK) << (2 * COUNT_BITS)) | (sum.total << COUNT_BITS) | sum.bad
}

fn unpack(held: u64) -> Sum {
    Sum { total: (held >> COUNT_BITS) & COUNT_MASK, bad: held & COUNT_MASK }
}
