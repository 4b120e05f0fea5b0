//! A provider that takes as long for each try as the call's luck says.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::BoxError;
use tokio::time::{Instant, sleep};
use tower::Service;

use super::{model::Model, traffic::Call};

/// A call's request. Its clones are tries of the same call.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    tries: [Duration; 2],
    sent: Arc<AtomicUsize>,
}

impl Ask {
    pub(super) fn new(call: &Call) -> Self {
        Ask { tries: call.tries, sent: Arc::default() }
    }

    /// The tries that reached the provider so far.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Relaxed)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Upstream {
    start: Instant,
    model: Arc<Model>,
}

impl Upstream {
    /// Its run starts now.
    pub(super) fn new(model: Arc<Model>) -> Self {
        Upstream { start: Instant::now(), model }
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
        let number = ask.sent.fetch_add(1, Relaxed);
        let factor = self.model.factor(self.start.elapsed());
        let time = ask.tries.get(number).map(|quiet| quiet.mul_f64(factor));
        Box::pin(async move {
            sleep(time.ok_or("a call has two tries at most")?).await;
            Ok(())
        })
    }
}
