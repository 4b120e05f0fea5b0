//! The ways to call a provider that is slow at times.

use std::{sync::Arc, time::Duration};

use buttress_call::{BoxError, ByError};
use buttress_hedge::HedgeLayer;
use serde::Serialize;
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until},
};
use tower::{
    Layer, Service, ServiceExt,
    hedge::{Hedge, Policy},
};

use super::{
    model::Model,
    traffic::Call,
    upstream::{Ask, Upstream},
};

const BUDGET: f64 = 0.05;
/// As many samples as our layer wants before it hedges.
const SAMPLES: u64 = 50;
/// As in tower's own tests: it hedges by what the minute before was like.
const PERIOD: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Arm {
    None,
    Tower,
    Buttress,
}

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) time: Duration,
    /// Tries beyond the first.
    pub(super) hedges: usize,
}

impl Arm {
    pub(super) const ALL: [Arm; 3] = [Arm::None, Arm::Tower, Arm::Buttress];

    /// Makes the calls and returns their answers, in the calls' order.
    pub(super) async fn play(self, model: Arc<Model>, calls: &[Call]) -> Result<Vec<Answer>, BoxError> {
        let upstream = Upstream::new(model);
        match self {
            Arm::None => drive(upstream, calls).await,
            Arm::Tower => {
                drive(Hedge::new(upstream, Always, SAMPLES, 1.0 - BUDGET as f32, PERIOD), calls).await
            }
            Arm::Buttress => {
                drive(HedgeLayer::budget(BUDGET)?.classify(ByError).layer(upstream), calls).await
            }
        }
    }
}

async fn drive<S>(mut service: S, calls: &[Call]) -> Result<Vec<Answer>, BoxError>
where
    S: Service<Ask, Response = (), Error = BoxError>,
    S::Future: Send + 'static,
{
    let start = Instant::now();
    let mut running = JoinSet::new();
    let mut answers = vec![None; calls.len()];
    for (number, call) in calls.iter().enumerate() {
        sleep_until(start + call.at).await;
        let (began, ask) = (Instant::now(), Ask::new(call));
        let answer = service.ready().await?.call(ask.clone());
        running.spawn(async move {
            answer.await?;
            Ok((number, Answer { time: began.elapsed(), hedges: ask.sent() - 1 }))
        });
        while let Some(ended) = running.try_join_next() {
            keep(ended, &mut answers)?;
        }
    }
    while let Some(ended) = running.join_next().await {
        keep(ended, &mut answers)?;
    }
    answers.into_iter().map(|answer| answer.ok_or_else(|| "a call went missing".into())).collect()
}

fn keep(
    ended: Result<Result<(usize, Answer), BoxError>, JoinError>,
    answers: &mut [Option<Answer>],
) -> Result<(), BoxError> {
    let (number, answer) = ended.expect("a call's task neither panics nor is aborted")?;
    answers[number] = Some(answer);
    Ok(())
}

/// Tower's policy for calls that may all be made twice.
#[derive(Clone, Copy, Debug)]
struct Always;

impl Policy<Ask> for Always {
    fn clone_request(&self, ask: &Ask) -> Option<Ask> {
        Some(ask.clone())
    }

    fn can_retry(&self, _: &Ask) -> bool {
        true
    }
}
