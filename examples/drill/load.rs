//! Open-loop load: calls arrive when they arrive, whatever became of the ones before.

use std::{sync::Arc, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use crate::{
    arm::Arm,
    call::{Sample, call},
    live::Live,
    phase::Phase,
};

/// The times of a phase's calls, the same for both arms: as many as the rate says, spread at random.
pub(crate) fn arrivals(seed: u64, phase: Phase, rate: f64, seconds: f64) -> Vec<Duration> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(phase as u64));
    let mut times: Vec<_> = (0..(rate * seconds).ceil() as usize)
        .map(|_| Duration::from_secs_f64(rng.random_range(0.0..seconds)))
        .collect();
    times.sort_unstable();
    times
}

/// Runs both arms through the arrivals and waits for every call to end.
pub(crate) async fn run(arms: &[Arc<Arm>; 2], arrivals: &[Duration], live: &Live) -> Vec<Sample> {
    let began = Instant::now();
    let mut calls = JoinSet::new();
    let mut samples = Vec::with_capacity(2 * arrivals.len());
    for at in arrivals {
        sleep_until(began + *at).await;
        for arm in arms {
            let arm = arm.clone();
            calls.spawn(async move { call(&arm).await });
        }
        while let Some(done) = calls.try_join_next() {
            note(done, &mut samples, live);
        }
    }
    while let Some(done) = calls.join_next().await {
        note(done, &mut samples, live);
    }
    samples
}

fn note(done: Result<Sample, tokio::task::JoinError>, samples: &mut Vec<Sample>, live: &Live) {
    match done {
        Ok(sample) => {
            live.note(&sample);
            samples.push(sample);
        }
        // A panic in a call is a bug of the drill's, not a failed call.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
