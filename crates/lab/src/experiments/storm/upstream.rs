//! A provider with a capacity and one outage.

use std::{
    future::Future,
    ops::Range,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Error, Kind, Origin};
use tokio::time::{Instant, sleep};
use tower::Service;

/// From the run's start.
pub(crate) const OUTAGE: Range<Duration> = Duration::from_secs(60)..Duration::from_secs(120);
/// Attempts a second that are answered.
const CAPACITY: f64 = 1_500.0;
/// How much of a second's capacity an idle moment can save up.
const SLACK_S: f64 = 0.1;
/// The time that any answer takes, good or bad.
const ANSWER: Duration = Duration::from_millis(50);

/// A client's call, as each of its attempts carries it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// From the run's start.
    pub(crate) begun: Duration,
}

/// A handle on the provider. Clones are the same provider.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    start: Instant,
    /// Attempts that may be answered now.
    free: f64,
    at: Instant,
    outage_attempts: u64,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let start = Instant::now();
        let state = State { start, free: CAPACITY * SLACK_S, at: start, outage_attempts: 0 };
        Upstream { state: Arc::new(Mutex::new(state)) }
    }

    /// The attempts of calls begun in the outage, whenever they came.
    pub(crate) fn outage_attempts(&self) -> u64 {
        self.state().outage_attempts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the state")
    }
}

impl State {
    fn admits(&mut self, ask: Ask) -> bool {
        if OUTAGE.contains(&ask.begun) {
            self.outage_attempts += 1;
        }
        let now = Instant::now();
        self.free = (self.free + (now - self.at).as_secs_f64() * CAPACITY).min(CAPACITY * SLACK_S);
        self.at = now;
        if OUTAGE.contains(&(now - self.start)) || self.free < 1.0 {
            return false;
        }
        self.free -= 1.0;
        true
    }
}

impl Service<Ask> for Upstream {
    type Response = ();
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, ask: Ask) -> Self::Future {
        let admitted = self.state().admits(ask);
        Box::pin(async move {
            sleep(ANSWER).await;
            if admitted {
                return Ok(());
            }
            Err(Error::new(Kind::Overloaded, Origin::Upstream, "status 503").into())
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn admitted(upstream: &Upstream, attempts: u32) -> usize {
        let begun = upstream.state().start.elapsed();
        (0..attempts).filter(|_| upstream.state().admits(Ask { begun })).count()
    }

    #[tokio::test(start_paused = true)]
    async fn it_answers_its_capacity_and_nothing_in_the_outage() {
        let upstream = Upstream::new();
        let mut answered = 0;
        for _ in 0..100 {
            advance(Duration::from_millis(10)).await;
            answered += admitted(&upstream, 30);
        }
        assert!((1_500..=1_650).contains(&answered), "{answered}");
        assert_eq!(upstream.outage_attempts(), 0);
        advance(Duration::from_secs(60)).await;
        assert_eq!(admitted(&upstream, 30), 0);
        assert_eq!(upstream.outage_attempts(), 30);
        advance(Duration::from_secs(60)).await;
        assert_eq!(admitted(&upstream, 30), 30);
    }
}
