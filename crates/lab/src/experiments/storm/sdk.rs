//! What the providers' own SDKs do: two retries, an exponential wait, and nobody who counts them.

use std::time::Duration;

use buttress_call::BoxError;
use rand::{Rng, RngExt};
use tokio::time::sleep;
use tower::ServiceExt;

use super::upstream::{Ask, Upstream};

/// The first time included.
pub(crate) const ATTEMPTS: u8 = 3;
const BASE_S: f64 = 0.5;
const CAP_S: f64 = 8.0;

/// A call with the SDK's retries.
pub(crate) async fn call(upstream: Upstream, ask: Ask, mut rng: impl Rng) -> Result<(), BoxError> {
    for retry in 0..ATTEMPTS - 1 {
        if upstream.clone().oneshot(ask).await.is_ok() {
            return Ok(());
        }
        sleep(wait(retry, &mut rng)).await;
    }
    upstream.oneshot(ask).await
}

/// 0.5 x 2^n s, at most 8, times U(0.75, 1].
pub(in crate::experiments) fn wait(retry: u8, rng: &mut impl Rng) -> Duration {
    let full = (BASE_S * 2_f64.powf(f64::from(retry))).min(CAP_S);
    Duration::from_secs_f64(full * (1.0 - 0.25 * rng.random::<f64>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::generator;

    #[test]
    fn the_wait_doubles_to_its_cap_with_a_quarter_of_jitter() {
        let mut rng = generator("storm", "sdk", 1, "test");
        for (retry, full) in [(0, 0.5), (1, 1.0), (4, 8.0), (255, 8.0)] {
            let wait = wait(retry, &mut rng).as_secs_f64();
            assert!(wait > 0.75 * full - 1e-9 && wait <= full, "{retry}: {wait}");
        }
    }
}
