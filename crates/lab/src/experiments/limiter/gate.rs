//! What the baselines have in common: one gate, and a queue in front of it.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::upstream::Ask;

/// A limiter's arithmetic.
pub(crate) trait Gate: Send + 'static {
    /// Takes so many tokens for the call, or says when to ask again.
    fn admit(&mut self, ask: &Ask) -> Result<f64, Instant>;

    /// The provider refused the call that these were taken for. By default they stay taken.
    fn refused(&mut self, _taken: f64) {}

    /// The call that these were taken for has ended, and its usage is known. By default they stay taken.
    fn ended(&mut self, _ask: &Ask, _taken: f64) {}
}

/// A gate that calls pass one after the other.
#[derive(Debug)]
pub(crate) struct Queue<G> {
    gate: Arc<Mutex<G>>,
    /// Whose turn it is to wait at the gate; tokio's mutex is first come, first served.
    turn: Arc<tokio::sync::Mutex<()>>,
    returned: Arc<Notify>,
}

impl<G> Clone for Queue<G> {
    // By hand, because the gate itself need not be `Clone`.
    fn clone(&self) -> Self {
        Queue { gate: self.gate.clone(), turn: self.turn.clone(), returned: self.returned.clone() }
    }
}

impl<G: Gate> Queue<G> {
    pub(crate) fn new(gate: G) -> Self {
        Queue { gate: Arc::new(Mutex::new(gate)), turn: Arc::default(), returned: Arc::default() }
    }

    /// Waits until the call may be sent, and says what was taken for it; `None` if it may not by then.
    pub(crate) async fn pass(&self, ask: &Ask, until: Instant) -> Option<f64> {
        let wait = async {
            let _turn = self.turn.lock().await;
            loop {
                let again = match self.gate().admit(ask) {
                    Ok(taken) => return taken,
                    Err(again) => again,
                };
                // Either way the gate is asked again.
                let _ = timeout_at(again, self.returned.notified()).await;
            }
        };
        timeout_at(until, wait).await.ok()
    }

    pub(crate) fn refused(&self, taken: f64) {
        self.gate().refused(taken);
        self.returned.notify_one();
    }

    pub(crate) fn ended(&self, ask: &Ask, taken: f64) {
        self.gate().ended(ask, taken);
        self.returned.notify_one();
    }

    fn gate(&self) -> MutexGuard<'_, G> {
        self.gate.lock().expect("nothing panics while it holds the gate")
    }
}

/// The gate of arm `none`: there is none.
#[derive(Debug)]
pub(crate) struct Open;

impl Gate for Open {
    fn admit(&mut self, _: &Ask) -> Result<f64, Instant> {
        Ok(0.0)
    }
}
