//! What all arms of a comparison meet, and one run of it under one of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use buttress_call::{BoxError, Call};
use rand::RngExt;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until},
};

use super::{
    bucket::Bucket,
    client::{Client, Gated, Layered, call},
    gate::{Gate, Open, Queue},
    ours,
    policy::Policy,
    reserve::Reserve,
    tally::{End, Tally},
    upstream::{Ask, Upstream},
    window::{Fixed, Sliding},
};
use crate::{
    clock,
    random::{exponential, normal},
    seed::generator,
    workload::{Arrival, Workload},
};

/// Calls that end so long after the trace's end still count as use.
const GRACE: Duration = Duration::from_secs(5);
const SMALLEST_BUCKET: u64 = 15_000;
const ESTIMATE_SIGMA: f64 = 0.2;
/// The output cap that every call asks with: the power of two above the longest answer of the trace it was fitted to.
const OUTPUT_CAP: u64 = 1_024;

/// What all arms of a comparison meet.
#[derive(Debug)]
pub(crate) struct Scene {
    asks: Vec<(Duration, Ask)>,
    foreign: Vec<Arrival>,
    duration: Duration,
    mean_output: f64,
    /// Tokens a minute; providers state whole numbers.
    limit: u64,
    capacity: u64,
}

impl Scene {
    pub(crate) fn new(
        workload: &Workload,
        load: f64,
        bias: f64,
        foreign: f64,
        bucket_s: u32,
        seed: u64,
    ) -> Self {
        let limit = (workload.demand() * 60.0 / load).round().max(1.0) as u64;
        Scene {
            asks: asks(workload, bias, seed),
            foreign: strangers(workload, foreign, seed),
            duration: workload.duration(),
            mean_output: workload.mean_output(),
            limit,
            capacity: (limit * u64::from(bucket_s) / 60).max(SMALLEST_BUCKET),
        }
    }

    /// The provider's limit, in tokens a minute.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }

    /// What the provider's bucket holds.
    pub(super) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Tokens a second.
    fn rate(&self) -> f64 {
        self.limit as f64 / 60.0
    }

    /// Plays the workload under one policy.
    pub(crate) fn play(&self, policy: Policy) -> Result<Tally, BoxError> {
        clock::simulate(async {
            let (limit, capacity, rate) = (self.limit as f64, self.capacity as f64, self.rate());
            Ok(match policy {
                Policy::None => self.gated(Open).await,
                Policy::Fixed => self.gated(Fixed::new(limit, self.mean_output)).await,
                Policy::SlidingInput => self.gated(Sliding::new(limit, 0.0)).await,
                Policy::SlidingMean => self.gated(Sliding::new(limit, self.mean_output)).await,
                Policy::MaxTokens => self.gated(Reserve::max_tokens(capacity, rate)).await,
                Policy::DebitRefund => self.gated(Reserve::debit_refund(capacity, rate)).await,
                Policy::Hold | Policy::HoldHeaders => {
                    let upstream = self.upstream(policy);
                    self.replay(&upstream, Layered(ours::limited(self, upstream.clone())?)).await
                }
            })
        })
    }

    async fn gated(&self, gate: impl Gate) -> Tally {
        let upstream = self.upstream(Policy::None);
        self.replay(&upstream, Gated { queue: Queue::new(gate), upstream: upstream.clone() }).await
    }

    fn upstream(&self, policy: Policy) -> Upstream {
        Upstream::new(Bucket::new(self.capacity as f64, self.rate()), policy.reads_headers())
    }

    async fn replay(&self, upstream: &Upstream, client: impl Client) -> Tally {
        let start = Instant::now();
        let used = Arc::new(AtomicU64::new(0));
        let counted_until = start + self.duration + GRACE;
        let mut tasks = JoinSet::new();
        for stranger in self.foreign.clone() {
            let upstream = upstream.clone();
            tasks.spawn(async move {
                sleep_until(start + stranger.at).await;
                upstream.foreign(stranger.input, stranger.output).await;
                None
            });
        }
        for (at, ask) in self.asks.clone() {
            let (client, used) = (client.clone(), used.clone());
            tasks.spawn(async move {
                sleep_until(start + at).await;
                let (end, usage) = call(client, ask).await;
                if Instant::now() <= counted_until {
                    used.fetch_add(usage.input + usage.output, Relaxed);
                }
                Some(end)
            });
        }
        let ends: Vec<End> = tasks.join_all().await.into_iter().flatten().collect();
        let utilisation = used.load(Relaxed) as f64 / (self.rate() * self.duration.as_secs_f64());
        Tally::new(&ends, upstream.refused(), utilisation)
    }
}

/// The client's calls, with what it takes them for.
fn asks(workload: &Workload, bias: f64, seed: u64) -> Vec<(Duration, Ask)> {
    let mut errors = generator("limiter", "calls", seed, "estimates");
    let ask = |call: &Arrival| {
        // Its mean is 1, so that it is `bias` alone that makes the estimates wrong on the whole.
        let error = (ESTIMATE_SIGMA * normal(&mut errors) - ESTIMATE_SIGMA * ESTIMATE_SIGMA / 2.0).exp();
        let estimate = (call.input as f64 * error * bias).round().max(1.0) as u64;
        let cap = OUTPUT_CAP.max(call.output);
        (call.at, Ask { input: call.input, output: call.output, estimate, cap, call: Call::new() })
    };
    workload.calls.iter().map(ask).collect()
}

/// Others on the same key: Poisson, their costs drawn from the workload.
fn strangers(workload: &Workload, share: f64, seed: u64) -> Vec<Arrival> {
    let rate = workload.rate() * share / (1.0 - share);
    let mut rng = generator("limiter", "calls", seed, "foreign");
    let mut at = Duration::ZERO;
    let mut strangers = Vec::new();
    if share == 0.0 {
        return strangers;
    }
    loop {
        at += exponential(&mut rng, rate);
        if at > workload.duration() {
            return strangers;
        }
        let like = workload.calls[rng.random_range(0..workload.calls.len())];
        strangers.push(Arrival { at, ..like });
    }
}
