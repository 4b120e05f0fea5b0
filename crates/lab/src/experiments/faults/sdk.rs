//! What the providers' own SDKs do: two retries, at the same provider or each at the next one of a list.

use buttress_call::{BoxError, failure};
use tokio::time::sleep;
use tower::ServiceExt;

use super::{Faults, provider::Provider, trip::Trip};
use crate::{
    chat::{Answer, Ask},
    experiments::{Experiment, storm::sdk::wait},
    seed::generator,
};

#[derive(Debug)]
pub(super) struct Sdk {
    /// One for each attempt.
    attempts: Vec<Provider>,
    seed: u64,
}

impl Sdk {
    pub(super) fn new<const N: usize>(attempts: [&Provider; N], seed: u64) -> Self {
        Sdk { attempts: attempts.map(Clone::clone).into(), seed }
    }

    pub(super) async fn call(&self, ask: Ask<Trip>) -> Result<Answer, BoxError> {
        let mut rng = generator(Faults::NAME, "sdk", self.seed, &ask.about.number.to_string());
        let mut attempts = (0..).zip(&self.attempts).peekable();
        loop {
            let (retry, provider) = attempts.next().ok_or("there is always a first attempt")?;
            let error = match provider.clone().oneshot(ask.clone()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match attempts.peek() {
                None => return Err(error),
                // A hint, or a backoff; another provider need not be waited for.
                Some((_, next)) if next.name() == provider.name() => {
                    sleep(failure(&error).retry_after.unwrap_or_else(|| wait(retry, &mut rng))).await;
                }
                Some(_) => {}
            }
        }
    }
}
