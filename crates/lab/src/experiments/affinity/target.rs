//! A target with a prompt cache.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Outcome};
use tokio::time::sleep;
use tower::Service;

use super::{cache::Cache, prompts::Prompt};
use crate::chat::{Answer, Ask};

/// Blocks of 512 tokens.
pub(super) const CACHE: usize = 20_000;
const FIRST_TOKEN: Duration = Duration::from_millis(100);
/// On top, for each block that is not in the cache: 25,600 tokens a second.
const PER_BLOCK: Duration = Duration::from_millis(20);
const PER_TOKEN: Duration = Duration::from_millis(20);

/// A clone is the same target.
#[derive(Clone, Debug)]
pub(super) struct Target {
    cache: Arc<Mutex<Cache>>,
    calls: Arc<AtomicUsize>,
    hits: Arc<AtomicUsize>,
}

impl Target {
    pub(super) fn new() -> Self {
        Target { cache: Arc::new(Mutex::new(Cache::new(CACHE))), calls: Arc::default(), hits: Arc::default() }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Relaxed)
    }

    /// Blocks that were found in the cache.
    pub(super) fn hits(&self) -> usize {
        self.hits.load(Relaxed)
    }
}

impl Service<Ask<Prompt>> for Target {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut ask: Ask<Prompt>) -> Self::Future {
        let progress = ask.call.ensure_progress().clone();
        progress.mark_sent();
        let blocks = &ask.about.blocks;
        let hits = self.cache.lock().unwrap_or_else(PoisonError::into_inner).read(blocks);
        self.calls.fetch_add(1, Relaxed);
        self.hits.fetch_add(hits, Relaxed);
        let first_token = FIRST_TOKEN + PER_BLOCK.mul_f64((blocks.len() - hits) as f64);
        let decode = PER_TOKEN.mul_f64(ask.about.output as f64);
        Box::pin(async move {
            sleep(first_token).await;
            progress.mark_received(1, 1);
            Ok(Answer::begun(progress, async move {
                sleep(decode).await;
                Outcome::Success
            }))
        })
    }
}
