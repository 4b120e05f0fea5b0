//! One call from its arrival to its end, whatever its policy.

use std::time::Duration;

use buttress_call::{BoxError, Kind, Usage, failure};
use http::Response;
use tokio::time::{Instant, sleep, sleep_until};
use tower::{Service, ServiceExt};

use super::{
    gate::{Gate, Queue},
    tally::End,
    upstream::{Answer, Ask, Upstream},
};

/// A call is given up once it has waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often it is sent at most.
const SENDS: u32 = 4;

/// A call from its arrival to its end: what it came to, and what it used.
pub(super) async fn call(client: impl Client, mut ask: Ask) -> (End, Usage) {
    let arrived = Instant::now();
    let until = arrived + PATIENCE;
    ask.call.clamp_deadline(until);
    for _ in 0..SENDS {
        match client.send(ask.clone(), until).await {
            Sent::Answered { admitted_at, usage } => {
                return (End::Answered { waited: admitted_at - arrived }, usage);
            }
            Sent::Refused { hint } => {
                if Instant::now() + hint > until {
                    sleep_until(until).await;
                    return (End::Shed, Usage::default());
                }
                sleep(hint).await;
            }
            Sent::Shed => return (End::Shed, Usage::default()),
        }
    }
    (End::Refused, Usage::default())
}

/// What came of one send.
pub(super) enum Sent {
    Answered { admitted_at: Instant, usage: Usage },
    Refused { hint: Duration },
    Shed,
}

/// Sends a call once, when its policy allows it.
pub(super) trait Client: Clone + Send + 'static {
    fn send(&self, ask: Ask, until: Instant) -> impl Future<Output = Sent> + Send;
}

/// The baselines: a gate, then the provider.
pub(super) struct Gated<G> {
    pub(super) queue: Queue<G>,
    pub(super) upstream: Upstream,
}

impl<G> Clone for Gated<G> {
    // By hand, because the gate itself need not be `Clone`.
    fn clone(&self) -> Self {
        Gated { queue: self.queue.clone(), upstream: self.upstream.clone() }
    }
}

impl<G: Gate> Client for Gated<G> {
    async fn send(&self, ask: Ask, until: Instant) -> Sent {
        let Some(taken) = self.queue.pass(&ask, until).await else { return Sent::Shed };
        let sent = read(self.upstream.clone().oneshot(ask.clone()).await).await;
        match sent {
            Sent::Answered { .. } => self.queue.ended(&ask, taken),
            Sent::Refused { .. } | Sent::Shed => self.queue.refused(taken),
        }
        sent
    }
}

/// Our arms: the layer waits, sheds and settles by itself.
#[derive(Clone)]
pub(super) struct Layered<S>(pub(super) S);

impl<S> Client for Layered<S>
where
    S: Service<Ask, Response = Response<Answer>, Error = BoxError, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    async fn send(&self, ask: Ask, _: Instant) -> Sent {
        read(self.0.clone().oneshot(ask).await).await
    }
}

async fn read(result: Result<Response<Answer>, BoxError>) -> Sent {
    match result {
        Ok(response) => {
            let answer = response.into_body();
            let admitted_at = answer.admitted_at;
            Sent::Answered { admitted_at, usage: answer.read().await }
        }
        Err(error) => match failure(&error) {
            refused if refused.kind == Kind::RateLimited => {
                Sent::Refused { hint: refused.retry_after.unwrap_or_default() }
            }
            _ => Sent::Shed,
        },
    }
}
