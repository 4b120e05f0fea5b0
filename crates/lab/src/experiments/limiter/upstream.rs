//! The simulated provider: a service that admits by its bucket, answers after a while and charges as answers end.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{
    BoxError, Call, Completion, Ender, Error, Failure, Kind, Limits, Origin, Outcome, Progress, Usage,
};
use http::Response;
use tokio::time::{Instant, sleep};
use tower::Service;

use super::bucket::Bucket;

const FIRST_TOKEN: Duration = Duration::from_millis(400);
const PER_TOKEN: Duration = Duration::from_millis(20);

/// A call as the client makes it. The provider alone knows what it will cost.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// What the client takes the input for.
    pub(crate) estimate: u64,
    /// The client's own cap on the output.
    pub(crate) cap: u64,
    /// What the layers pass on.
    pub(crate) call: Call,
}

/// A handle on the provider. Clones are the same provider.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    bucket: Mutex<Bucket>,
    refused: AtomicU64,
    /// Whether answers report the limit, as a provider's headers do.
    headers: bool,
}

impl Upstream {
    pub(crate) fn new(bucket: Bucket, headers: bool) -> Self {
        let shared = Shared { bucket: Mutex::new(bucket), refused: AtomicU64::new(0), headers };
        Upstream { shared: Arc::new(shared) }
    }

    /// The 429s so far.
    pub(crate) fn refused(&self) -> u64 {
        self.shared.refused.load(Relaxed)
    }

    /// Somebody else's call on the same key: charged as it comes, whatever is left.
    pub(crate) async fn foreign(self, input: u64, output: u64) {
        self.bucket().charge(input);
        sleep(FIRST_TOKEN + generating(output)).await;
        self.bucket().charge(output);
    }

    async fn answer(self, ask: Ask, progress: Progress) -> Result<Response<Answer>, BoxError> {
        progress.mark_sent();
        let admitted = self.bucket().admit(ask.input);
        if let Err(hint) = admitted {
            self.shared.refused.fetch_add(1, Relaxed);
            let failure = Failure::new(Kind::RateLimited).with_retry_after(Some(hint));
            return Err(Error::new(failure, Origin::Upstream, "the token limit is reached")
                .with_limits(self.limits(), None)
                .into());
        }
        let (admitted_at, limits) = (Instant::now(), self.limits());
        sleep(FIRST_TOKEN).await;
        progress.mark_received(0, 1);
        let (completion, ender) = Completion::pair(progress);
        let mut response = Response::new(Answer {
            admitted_at,
            usage: Usage::new(ask.input, ask.output),
            completion: completion.clone(),
            ender,
            upstream: self,
        });
        response.extensions_mut().insert(completion);
        if let Some(limits) = limits {
            response.extensions_mut().insert(limits);
        }
        Ok(response)
    }

    /// What the headers say at this moment. They are written as the call is let in, and read when its answer begins.
    fn limits(&self) -> Option<Limits> {
        if !self.shared.headers {
            return None;
        }
        let mut bucket = self.bucket();
        let mut limits = Limits::default();
        limits.tokens.limit = Some((bucket.rate() * 60.0).round() as u64);
        limits.tokens.remaining = Some(bucket.level().max(0.0) as u64);
        limits.tokens.reset = Some(bucket.full_in());
        Some(limits)
    }

    fn bucket(&self) -> MutexGuard<'_, Bucket> {
        self.shared.bucket.lock().expect("nothing panics while it holds the bucket")
    }
}

impl Service<Ask> for Upstream {
    type Response = Response<Answer>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut ask: Ask) -> Self::Future {
        let progress = ask.call.ensure_progress().clone();
        Box::pin(self.clone().answer(ask, progress))
    }
}

fn generating(output: u64) -> Duration {
    PER_TOKEN * u32::try_from(output).unwrap_or(u32::MAX)
}

/// An answer whose first token has come.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) admitted_at: Instant,
    usage: Usage,
    completion: Completion,
    ender: Ender,
    upstream: Upstream,
}

impl Answer {
    /// Reads it to its end: only then the provider charges its output, and only then the client knows its usage.
    pub(crate) async fn read(self) -> Usage {
        sleep(generating(self.usage.output)).await;
        self.upstream.bucket().charge(self.usage.output);
        self.completion.progress().set_usage(self.usage);
        self.ender.end(Outcome::Success);
        self.usage
    }
}

#[cfg(test)]
mod tests {
    use tower::ServiceExt;

    use super::*;

    fn ask(input: u64, output: u64) -> Ask {
        Ask { input, output, estimate: input, cap: output, call: Call::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn input_is_charged_at_admission_and_output_at_the_end() {
        let upstream = Upstream::new(Bucket::new(1_000.0, 0.001), true);
        let response = upstream.clone().oneshot(ask(600, 500)).await.unwrap();
        assert_eq!(upstream.bucket().level().round() as i64, 400);
        let limits = response.extensions().get::<Limits>().unwrap();
        assert_eq!(limits.tokens.remaining, Some(400));
        let start = Instant::now();
        response.into_body().read().await;
        assert_eq!(start.elapsed(), Duration::from_secs(10));
        assert_eq!(upstream.bucket().level().round() as i64, -100);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fit_is_a_429_with_an_honest_hint() {
        let upstream = Upstream::new(Bucket::new(1_000.0, 10.0), false);
        upstream.bucket().charge(900);
        let error = upstream.clone().oneshot(ask(600, 1)).await.unwrap_err();
        let failure = buttress_call::failure(&error);
        assert_eq!((failure.kind, upstream.refused()), (Kind::RateLimited, 1));
        sleep(failure.retry_after.unwrap()).await;
        assert!(upstream.clone().oneshot(ask(600, 1)).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn foreign_traffic_is_charged_whatever_is_left() {
        let upstream = Upstream::new(Bucket::new(1_000.0, 0.001), false);
        upstream.clone().foreign(1_500, 100).await;
        assert_eq!(upstream.bucket().level().round() as i64, -600);
    }
}
