//! Probes of targets that are out of service.

use std::{
    collections::HashMap,
    fmt,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use buttress_call::{BoxError, Classify, Outcome, Verdict};
use tokio::time::{Instant, Sleep, sleep};
use tower::ServiceExt;
use tower_service::Service;

use crate::{fleet::Shared, state::State};

/// The longest that jitter adds to an interval: instances that started together do not stay together.
const JITTER_PERCENT: u64 = 10;

/// Asks targets that are out of service whether they are back, so that no caller has to find out.
///
/// Made by [`Failover::prober`](crate::Failover::prober). A future that ends when the last clone of the failover is
/// gone: spawn it. Nothing depends on it; without it, or when it is dropped, targets return by themselves, tried by a
/// call when their time is over.
///
/// Every interval, made longer by up to 10 % at random, it sends one request to each target that is
///
/// - behind a shut gate, as of an open breaker, or
/// - cooling after `Quota` or `Auth`.
///
/// Targets in service are never probed, nor drained ones, nor those that said themselves when to come back. A probe
/// that has not been answered by the next interval is dropped.
///
/// A target that answers well is back: its cooling ends, its gate is [reopened](crate::Failover::reopen), and it warms
/// up. A probe that fails changes nothing.
///
/// ```
/// use std::time::Duration;
/// use buttress_call::ByError;
/// use buttress_failover::Failover;
/// # use tower::service_fn;
/// # use std::convert::Infallible;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), buttress_failover::InvalidTargets> {
/// # let bare = service_fn(|prompt: &'static str| async move { Ok::<_, Infallible>(prompt.len()) });
/// # let [openai, local] = [bare; 2];
/// # struct Breaker; impl Breaker { fn is_open(&self) -> bool { false } fn reset(&self) {} }
/// # let breaker = std::sync::Arc::new(Breaker);
/// # let handle = breaker.clone();
///
/// let fleet = Failover::in_order([("openai", openai), ("local", local)])?
///     .gate("openai", move || !handle.is_open())?
///     .reopen("openai", move || breaker.reset())?
///     .classify(ByError);
/// let prober = fleet.prober(Duration::from_secs(5), |_name| "ping")?;
/// // An open breaker would refuse the probe too: it goes around it.
/// tokio::spawn(prober.through("openai", bare, || "ping"));
/// # Ok(())
/// # }
/// ```
#[must_use = "a prober does nothing unless it is spawned"]
pub struct Prober<S, C> {
    failover: Weak<Shared<S>>,
    classify: C,
    every: Duration,
    next: Option<Pin<Box<Sleep>>>,
    /// Through the target's own service.
    ask: Box<Ask<S>>,
    around: HashMap<Arc<str>, Box<dyn Fn() -> Asked + Send + Sync>>,
    under_way: Vec<Probe>,
}

type Ask<S> = dyn Fn(&S, &str) -> Asked + Send + Sync;

/// Whether a target answered well.
type Asked = Pin<Box<dyn Future<Output = bool> + Send>>;

struct Probe {
    state: Arc<State>,
    /// The cooling that it found.
    seen: crate::cooling::Seen,
    answer: Asked,
}

impl<S, C> Prober<S, C> {
    pub(crate) fn new<Req>(
        failover: Weak<Shared<S>>,
        classify: C,
        every: Duration,
        request: impl Fn(&str) -> Req + Send + Sync + 'static,
    ) -> Self
    where
        S: Service<Req, Error: Into<BoxError>, Future: Send, Response: Send> + Clone + Send + 'static,
        C: Classify<S::Response> + Clone + Send + Sync + 'static,
        Req: Send + 'static,
    {
        let judge = classify.clone();
        let ask =
            Box::new(move |service: &S, name: &str| asked(service.clone(), judge.clone(), request(name)));
        Prober { failover, classify, every, next: None, ask, around: HashMap::new(), under_way: Vec::new() }
    }

    /// Probes the named target through this service instead of its own, and with this request: around a breaker that
    /// would refuse the probe, or to a path that costs nothing, as the list of models.
    pub fn through<P, Req>(
        mut self,
        name: impl Into<Arc<str>>,
        service: P,
        request: impl Fn() -> Req + Send + Sync + 'static,
    ) -> Self
    where
        P: Service<Req, Error: Into<BoxError>, Future: Send, Response: Send> + Clone + Send + Sync + 'static,
        C: Classify<P::Response> + Clone + Send + Sync + 'static,
        Req: Send + 'static,
    {
        let judge = self.classify.clone();
        let ask = move || asked(service.clone(), judge.clone(), request());
        self.around.insert(name.into(), Box::new(ask));
        self
    }

    /// Starts the probes of this interval; those of the last have had their time.
    fn start(&mut self, failover: &Shared<S>) {
        self.under_way.clear();
        let fleet = failover.fleet();
        for (index, state) in fleet.states.iter().enumerate() {
            if !state.awaits_probe() {
                continue;
            }
            let answer = match self.around.get(&state.name) {
                Some(ask) => ask(),
                None => (self.ask)(fleet.service(index), &state.name),
            };
            tracing::debug!(name = &*state.name, "probing");
            self.under_way.push(Probe { state: state.clone(), seen: state.cooler.seen(None), answer });
        }
        let jitter = self.every * fleet.roster.random.below(JITTER_PERCENT + 1) as u32 / 100;
        self.wait(self.every + jitter);
    }

    fn wait(&mut self, time: Duration) {
        match &mut self.next {
            Some(next) => next.as_mut().reset(Instant::now() + time),
            None => self.next = Some(Box::pin(sleep(time))),
        }
    }
}

fn asked<P, Req, C>(service: P, classify: C, request: Req) -> Asked
where
    P: Service<Req, Error: Into<BoxError>, Future: Send, Response: Send> + Send + 'static,
    C: Classify<P::Response> + Send + 'static,
    Req: Send + 'static,
{
    Box::pin(async move {
        let result = service.oneshot(request).await.map_err(Into::into);
        match classify.classify(result.as_ref()) {
            Verdict::Pending(_) => true,
            Verdict::Ended(ended) => ended.outcome == Outcome::Success,
        }
    })
}

impl<S, C> Unpin for Prober<S, C> {}

impl<S, C> Future for Prober<S, C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.next.is_none() {
            this.wait(this.every);
        }
        loop {
            this.under_way.retain_mut(|probe| match probe.answer.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(well) => {
                    if well {
                        probe.state.answered_probe(probe.seen);
                    }
                    false
                }
            });
            if let Some(next) = &mut this.next {
                ready!(next.as_mut().poll(cx));
            }
            let Some(failover) = this.failover.upgrade() else { return Poll::Ready(()) };
            this.start(&failover);
        }
    }
}

impl<S, C> fmt::Debug for Prober<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober").field("every", &self.every).finish_non_exhaustive()
    }
}
