//! The providers: A, which the fault is on, and B and C, which are slower and well.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Error, Failure, Kind, Origin, Outcome, Progress};
use rand::{Rng, RngExt};
use tokio::time::{Instant, sleep};
use tower::Service;

use super::{
    Faults, Scene,
    bucket::Bucket,
    fault::Fault,
    trip::{Bill, Trip},
};
use crate::{
    chat::{Answer, Ask},
    experiments::{Experiment, hedge::usual},
    seed::generator,
};

pub(super) const NAMES: [&str; 3] = ["a", "b", "c"];
/// How much slower than A each of them is.
const PACE: [f64; 3] = [1.0, 1.3, 1.6];
const PER_TOKEN_S: f64 = 0.02;
/// Of the calls that wait for 20 to 60 s.
const STUCK: f64 = 0.002;
const SLOW: f64 = 0.04;
/// An input of so many tokens doubles the time to the first token.
const INPUT_SCALE: f64 = 8_000.0;
/// The storm's refill, as a share of the workload's mean demand.
const STORM_REFILL: f64 = 0.3;
/// Content ticks once in so many tokens: a timer for each would take most of a run, and idle limits are far longer.
const TICK: u64 = 50;

/// One of the three. A clone is the same provider.
#[derive(Clone, Debug)]
pub(super) struct Provider {
    index: usize,
    fault: Fault,
    scene: Arc<Scene>,
    seed: u64,
    began: Instant,
    /// Made when the fault begins.
    bucket: Arc<Mutex<Option<Bucket>>>,
    /// Hands an answer out when all of it is there, as `Commit::End` of the provider layer does.
    whole: bool,
}

/// All three, in order. The run starts now.
pub(super) fn all(fault: Fault, scene: &Arc<Scene>, seed: u64, whole: bool) -> [Provider; 3] {
    [0, 1, 2].map(|index| Provider {
        index,
        fault: if index == 0 { fault } else { Fault::None },
        scene: scene.clone(),
        seed,
        began: Instant::now(),
        bucket: Arc::default(),
        whole,
    })
}

/// What an attempt meets.
#[derive(Debug)]
enum Fate {
    Lost,
    Fails(Duration, Failure),
    Answers { first_token: Duration, per_token: Duration, cut: Option<u64> },
}

impl Provider {
    pub(super) fn name(&self) -> &'static str {
        NAMES[self.index]
    }

    fn fate(&self, trip: &Trip) -> Fate {
        let number = trip.attempt(self.index);
        // Every try has luck of its own, the same in every arm and under every fault.
        let role = format!("{} {} {number}", self.name(), trip.number);
        let mut rng = generator(Faults::NAME, "provider", self.seed, &role);
        let quiet_s = heavy(&mut rng) * (1.0 + trip.input as f64 / INPUT_SCALE);
        let (dice, share) = (rng.random::<f64>(), rng.random::<f64>());
        let fault = self.scene.since_fault(self.began.elapsed()).map(|since| (self.fault, since));
        let (fault, since) = fault.unwrap_or((Fault::None, Duration::ZERO));
        if fault == Fault::BlackHole {
            return Fate::Lost;
        }
        if let Some(after) = fault.refuses(since, dice) {
            return Fate::Fails(after, Kind::Server.into());
        }
        if fault == Fault::Storm429
            && let Err(hint) = self.admit(trip.input + trip.output)
        {
            trip.refuse();
            return Fate::Fails(Duration::ZERO, Failure::new(Kind::RateLimited).with_retry_after(Some(hint)));
        }
        let pace = PACE[self.index] * fault.factor();
        Fate::Answers {
            first_token: Duration::from_secs_f64(quiet_s * pace + fault.delay_s(dice)),
            per_token: Duration::from_secs_f64(PER_TOKEN_S * pace),
            cut: fault.cuts(trip.output, dice, share),
        }
    }

    fn admit(&self, tokens: u64) -> Result<(), Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.get_or_insert_with(|| Bucket::new(STORM_REFILL * self.scene.demand)).take(tokens)
    }
}

impl Service<Ask<Trip>> for Provider {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut ask: Ask<Trip>) -> Self::Future {
        let progress = ask.call.ensure_progress().clone();
        progress.mark_sent();
        let (fate, whole) = (self.fate(&ask.about), self.whole);
        Box::pin(async move {
            match fate {
                Fate::Lost => std::future::pending().await,
                Fate::Fails(after, failure) => {
                    sleep(after).await;
                    Err(error(failure))
                }
                Fate::Answers { first_token, per_token, cut } => {
                    let bill = Bill::new(ask.about.clone(), first_token, per_token);
                    sleep(first_token).await;
                    progress.mark_received(1, 1);
                    let rest = decode(progress.clone(), ask.about.output, per_token, cut, bill);
                    let mut answer = Answer::begun(progress, rest);
                    match if whole { answer.read().await } else { Outcome::Success } {
                        Outcome::Failure(failure) => Err(error(failure)),
                        _ => Ok(answer),
                    }
                }
            }
        })
    }
}

/// The tokens of an answer, until all are there or it breaks off.
async fn decode(
    progress: Progress,
    output: u64,
    per_token: Duration,
    cut: Option<u64>,
    bill: Bill,
) -> Outcome {
    let mut left = cut.unwrap_or(output);
    while left > 0 {
        let tokens = left.min(TICK);
        sleep(per_token.mul_f64(tokens as f64)).await;
        progress.mark_received(tokens, tokens);
        left -= tokens;
    }
    drop(bill);
    if cut.is_some() { Kind::Broken.into() } else { Outcome::Success }
}

fn error(failure: Failure) -> BoxError {
    Error::new(failure, Origin::Upstream, "simulated").into()
}

/// Seconds to the first token of a short prompt: a lognormal, some of it several times as long, a little of it stuck.
fn heavy(rng: &mut impl Rng) -> f64 {
    let usual = usual(rng);
    match rng.random::<f64>() {
        dice if dice < STUCK => rng.random_range(20.0..60.0),
        dice if dice < STUCK + SLOW => usual * rng.random_range(3.0..10.0),
        _ => usual,
    }
}
