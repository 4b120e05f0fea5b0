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
/// A round takes no longer than about this, in nanoseconds: who takes more a call makes fewer. Short rounds of all systems
/// in turn are what lets a machine's drift hit all alike.
const ROUND: f64 = 4e6;
/// But so many calls it makes at least.
const FEWEST: u32 = 50;

pub(crate) struct Rounds {
    /// Rounds that count, of each system.
    pub(crate) repeats: u32,
    /// Per round, system and thread, at most.
    pub(crate) calls: u32,
    pub(crate) threads: usize,
}

/// Of one system's calls, one for each round that counts; none if the threads never ran side by side.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

/// Of one call.
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

/// A system that takes part.
struct Runner {
    loops: Vec<Loop>,
    warm_up: u32,
    calls: u32,
    samples: Samples,
}

impl Rounds {
    /// The subjects' costs, in their order.
    pub(crate) fn run(&self, subjects: &[Subject]) -> Vec<Samples> {
        let runner = |subject: &Subject| Runner {
            loops: (0..self.threads).map(|_| (subject.make)()).collect(),
            warm_up: subject.warm_up,
            calls: self.calls,
            samples: Samples::default(),
        };
        let mut runners: Vec<Runner> = subjects.iter().map(runner).collect();
        for _ in 0..WARM_UP {
            for runner in &mut runners {
                // Also where the threads did not run side by side: it is about the calls in a round.
                let ns = sample(&runner.parts(), runner.calls).ns;
                runner.calls = ((ROUND / ns) as u32).clamp(FEWEST.min(self.calls), self.calls);
            }
        }
        for _ in 0..self.repeats * PATIENCE {
            for runner in &mut runners {
                if runner.samples.0.len() < self.repeats as usize {
                    runner.round();
                }
            }
        }
        runners.into_iter().map(|runner| runner.samples).collect()
    }
}

impl Runner {
    /// Counts only if the threads ran side by side.
    fn round(&mut self) {
        let parts = self.parts();
        let (Some(first_end), Some(last_begin)) =
            (parts.iter().map(|part| part.ended).min(), parts.iter().map(|part| part.begun).max())
        else {
            return;
        };
        let together = first_end.saturating_duration_since(last_begin).as_secs_f64();
        if together * parts.len() as f64 >= SIDE_BY_SIDE * time(&parts) {
            self.samples.0.push(sample(&parts, self.calls));
        }
    }

    fn parts(&mut self) -> Vec<Part> {
        let (warm_up, calls) = (self.warm_up, self.calls);
        if let [alone] = &mut self.loops[..] {
            alone(warm_up);
            return vec![part(alone, calls)];
        }
        let waiting = AtomicUsize::new(self.loops.len());
        std::thread::scope(|scope| {
            let start = |work| {
                scope.spawn(|| {
                    let work: &mut Loop = work;
                    work(warm_up);
                    // Spinning, because a thread that must be woken begins when the others are done.
                    waiting.fetch_sub(1, SeqCst);
                    while waiting.load(SeqCst) > 0 {
                        spin_loop();
                    }
                    part(work, calls)
                })
            };
            let threads: Vec<_> = self.loops.iter_mut().map(start).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a loop that panics ends the run"))
                .collect()
        })
    }
}

fn part(work: &mut Loop, calls: u32) -> Part {
    let begun = Instant::now();
    let allocations = measure(|| work(calls));
    Part { begun, ended: Instant::now(), allocs: allocations.count_total }
}

/// All threads' time together, in seconds.
fn time(parts: &[Part]) -> f64 {
    parts.iter().map(|part| (part.ended - part.begun).as_secs_f64()).sum()
}

/// The mean of the threads.
fn sample(parts: &[Part], calls: u32) -> Sample {
    let calls = f64::from(calls) * parts.len() as f64;
    let allocs: u64 = parts.iter().map(|part| part.allocs).sum();
    Sample { ns: time(parts) * 1e9 / calls, allocs: allocs as f64 / calls }
}

impl Samples {
    /// The median of the rounds.
    pub(crate) fn cost(&self) -> Option<Sample> {
        let of = |value: fn(&Sample) -> f64| median(self.0.iter().map(value));
        Some(Sample { ns: of(|sample| sample.ns)?, allocs: of(|sample| sample.allocs)? })
    }

    /// The median of the rounds' ratios: what slows a machine down for a while slows both down, and cancels out.
    pub(crate) fn ratio(&self, other: &Samples) -> Option<f64> {
        median(self.0.iter().zip(&other.0).map(|(one, other)| one.ns / other.ns))
    }
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
