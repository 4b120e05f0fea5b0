//! Six replicas of one model, each with a queue of its own.

use std::{
    ops::Range,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Error, Kind, Origin, Outcome};
use clap::ValueEnum;
use serde::Serialize;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep},
};
use tower::Service;

use crate::chat::{Answer, Ask};

pub(super) const REPLICAS: usize = 6;
const SLOTS: usize = 8;
const FIRST_TOKEN: Duration = Duration::from_millis(300);
const PER_TOKEN: Duration = Duration::from_millis(20);
const FAILS_AFTER: Duration = Duration::from_millis(50);
const SLOWER: u32 = 4;

/// What is wrong with one of the replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(super) enum Case {
    /// It is four times slower.
    Slow,
    /// It answers at once, with a 500.
    Failing,
}

impl Case {
    /// When it is so, and which calls count.
    pub(super) fn period(self) -> Range<Duration> {
        let (from, to) = match self {
            Case::Slow => (600, 1_200),
            Case::Failing => (1_500, 1_800),
        };
        Duration::from_secs(from)..Duration::from_secs(to)
    }
}

/// A call, with the errors that replicas answered it with.
#[derive(Debug, Default)]
pub(super) struct Job {
    pub(super) output: u64,
    errors: AtomicU32,
}

impl Job {
    pub(super) fn new(output: u64) -> Self {
        Job { output, errors: AtomicU32::new(0) }
    }

    pub(super) fn errors(&self) -> u32 {
        self.errors.load(Relaxed)
    }
}

/// A clone is the same replica.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) index: usize,
    case: Case,
    began: Instant,
    /// First in, first out.
    slots: Arc<Semaphore>,
    in_flight: Arc<AtomicU32>,
}

/// All of them. The run starts now; the first one has the case.
pub(super) fn all(case: Case) -> [Replica; REPLICAS] {
    std::array::from_fn(|index| Replica {
        index,
        case,
        began: Instant::now(),
        slots: Arc::new(Semaphore::new(SLOTS)),
        in_flight: Arc::default(),
    })
}

impl Replica {
    /// Calls that wait or run here.
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    fn is_unwell(&self) -> bool {
        self.index == 0 && self.case.period().contains(&self.began.elapsed())
    }
}

impl Service<Ask<Job>> for Replica {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut ask: Ask<Job>) -> Self::Future {
        let replica = self.clone();
        let presence = Presence::new(&self.in_flight);
        let progress = ask.call.ensure_progress().clone();
        progress.mark_sent();
        Box::pin(async move {
            if replica.case == Case::Failing && replica.is_unwell() {
                sleep(FAILS_AFTER).await;
                ask.about.errors.fetch_add(1, Relaxed);
                return Err(Error::new(Kind::Server, Origin::Upstream, "simulated").into());
            }
            let slot = replica.slots.clone().acquire_owned().await?;
            let pace = if replica.is_unwell() { SLOWER } else { 1 };
            sleep(FIRST_TOKEN * pace).await;
            progress.mark_received(1, 1);
            let decode = PER_TOKEN.mul_f64(ask.about.output as f64) * pace;
            Ok(Answer::begun(progress, async move {
                sleep(decode).await;
                drop((slot, presence));
                Outcome::Success
            }))
        })
    }
}

/// Counts a call in flight, until dropped.
#[derive(Debug)]
struct Presence(Arc<AtomicU32>);

impl Presence {
    fn new(in_flight: &Arc<AtomicU32>) -> Self {
        in_flight.fetch_add(1, Relaxed);
        Presence(in_flight.clone())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;
    use crate::clock;

    #[test]
    fn the_ninth_call_waits_for_the_first_to_end() {
        clock::simulate(async {
            let [replica, ..] = all(Case::Slow);
            let began = Instant::now();
            let calls = (0..=SLOTS).map(|_| {
                let answer = replica.clone().oneshot(Ask::stream(Arc::new(Job::new(10)), None));
                tokio::spawn(async move {
                    let mut answer = answer.await.unwrap();
                    answer.read().await;
                    answer.first_content_at
                })
            });
            let calls: Vec<_> = calls.collect();
            let mut times = Vec::new();
            for call in calls {
                times.push((call.await.unwrap() - began).as_millis());
            }
            assert_eq!(times, [300, 300, 300, 300, 300, 300, 300, 300, 800]);
            assert_eq!(replica.in_flight(), 0);
        });
    }
}
