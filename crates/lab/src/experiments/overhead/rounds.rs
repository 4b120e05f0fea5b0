//! Measures subjects side by side.

use std::{
    hint::spin_loop,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
};

use allocation_counter::measure;
use tokio::time::Instant;

use super::subject::{Loop, Subject};

/// Unmeasured rounds at the start.
const WARM_UP: u32 = 3;
/// A round of several threads counts if they ran side by side for this share of it. On a busy machine they often run one
/// after the other, and then nothing is shared that could cost anything.
const SIDE_BY_SIDE: f64 = 0.8;
/// So many times the rounds asked for are tried.
const PATIENCE: u32 = 8;

pub(crate) struct Rounds {
    /// Rounds that count, of each system.
    pub(crate) repeats: u32,
    /// Per round, system and thread.
    pub(crate) calls: u32,
    pub(crate) threads: usize,
}

/// Of one call; `None` if the threads never ran side by side.
pub(crate) type Cost = Option<Sample>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) ns: f64,
    pub(crate) allocs: f64,
}

/// One thread's part in a round.
#[derive(Clone, Copy, Debug)]
struct Part {
    begun: Instant,
    ended: Instant,
    allocs: u64,
}

impl Rounds {
    /// The subjects' costs, in their order.
    pub(crate) fn run(&self, subjects: &[Subject]) -> Vec<Cost> {
        let mut loops: Vec<Vec<Loop>> =
            subjects.iter().map(|subject| (0..self.threads).map(|_| (subject.make)()).collect()).collect();
        let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); subjects.len()];
        for round in 0..WARM_UP + self.repeats * PATIENCE {
            for (loops, samples) in loops.iter_mut().zip(&mut samples) {
                if samples.len() < self.repeats as usize {
                    samples.extend(self.round(loops).filter(|_| round >= WARM_UP));
                }
            }
        }
        samples.iter().map(|samples| median(samples)).collect()
    }

    /// The mean of the threads, or nothing if they did not run side by side.
    fn round(&self, loops: &mut [Loop]) -> Option<Sample> {
        let parts = self.parts(loops);
        let first_end = parts.iter().map(|part| part.ended).min()?;
        let last_begin = parts.iter().map(|part| part.begun).max()?;
        let time: f64 = parts.iter().map(|part| (part.ended - part.begun).as_secs_f64()).sum();
        let threads = parts.len() as f64;
        let together = first_end.saturating_duration_since(last_begin).as_secs_f64();
        if together * threads < SIDE_BY_SIDE * time {
            return None;
        }
        let calls = f64::from(self.calls) * threads;
        let allocs: u64 = parts.iter().map(|part| part.allocs).sum();
        Some(Sample { ns: time * 1e9 / calls, allocs: allocs as f64 / calls })
    }

    fn parts(&self, loops: &mut [Loop]) -> Vec<Part> {
        if let [alone] = loops {
            return vec![self.part(alone)];
        }
        let waiting = AtomicUsize::new(loops.len());
        std::thread::scope(|scope| {
            let start = |work| {
                scope.spawn(|| {
                    // Spinning, because a thread that must be woken begins when the others are done.
                    waiting.fetch_sub(1, SeqCst);
                    while waiting.load(SeqCst) > 0 {
                        spin_loop();
                    }
                    self.part(work)
                })
            };
            let threads: Vec<_> = loops.iter_mut().map(start).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a loop that panics ends the run"))
                .collect()
        })
    }

    fn part(&self, work: &mut Loop) -> Part {
        let begun = Instant::now();
        let allocations = measure(|| work(self.calls));
        Part { begun, ended: Instant::now(), allocs: allocations.count_total }
    }
}

fn median(samples: &[Sample]) -> Cost {
    let of = |value: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    Some(Sample { ns: of(|sample| sample.ns)?, allocs: of(|sample| sample.allocs)? })
}
