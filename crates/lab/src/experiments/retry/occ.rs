//! The service of AWS's contention model: one row with a version, which every client wants to write once.
//!
//! After `OccServer`, `OccClient` and `Net` of AWS's published backoff simulator. A transaction reads the version and
//! then writes; a write that brings an old version fails. Each of its four messages takes |N(10, 2)| ms.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Error, Kind, Origin};
use rand::rngs::StdRng;
use tokio::time::sleep;
use tower::Service;

use super::scaled;
use crate::random::normal;

const MEAN_MS: f64 = 10.0;
const DEVIATION_MS: f64 = 2.0;

/// The row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    writes: u64,
}

impl Row {
    /// The writes tried so far: what the model counts as calls.
    pub(crate) fn writes(&self) -> u64 {
        self.state().writes
    }

    fn read(&self) -> u64 {
        self.state().version
    }

    fn write(&self, version: u64) -> bool {
        let mut state = self.state();
        state.writes += 1;
        let current = state.version == version;
        state.version += u64::from(current);
        current
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the row")
    }
}

/// One client's way to the row.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    row: Row,
    net: Arc<Mutex<StdRng>>,
}

impl Transaction {
    pub(crate) fn new(row: Row, net: StdRng) -> Self {
        Transaction { row, net: Arc::new(Mutex::new(net)) }
    }

    async fn message(&self) {
        let delay = {
            let mut net = self.net.lock().expect("nothing panics while it holds the generator");
            (MEAN_MS + DEVIATION_MS * normal(&mut *net)).abs()
        };
        sleep(scaled(Duration::from_secs_f64(delay / 1_000.0))).await;
    }

    async fn run(self) -> Result<(), BoxError> {
        self.message().await;
        let version = self.row.read();
        self.message().await;
        self.message().await;
        let written = self.row.write(version);
        self.message().await;
        if written {
            return Ok(());
        }
        Err(Error::new(Kind::Server, Origin::Upstream, "somebody else has written the row").into())
    }
}

impl Service<()> for Transaction {
    type Response = ();
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, (): ()) -> Self::Future {
        Box::pin(self.clone().run())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_write_of_the_current_version_succeeds() {
        let row = Row::default();
        let version = row.read();
        assert!(row.write(version));
        assert!(!row.write(version));
        assert_eq!((row.read(), row.writes()), (1, 2));
    }
}
