//! Baselines that mirror the provider's bucket and take a call's whole expected cost out of it at admission.

use std::time::Duration;

use buttress_call::RunningQuantile;
use tokio::time::Instant;

use super::{gate::Gate, upstream::Ask};

/// Calls ended before the running quantile is believed.
const SAMPLES: u64 = 20;

/// A bucket with a reservation for each call.
#[derive(Debug)]
pub(crate) struct Reserve {
    capacity: f64,
    rate: f64,
    level: f64,
    at: Instant,
    /// The p90 of outputs, for the arm that settles; without it the cap is reserved and kept.
    settle: Option<RunningQuantile>,
}

impl Reserve {
    /// Reserves input and output cap, and never looks at the usage.
    pub(crate) fn max_tokens(capacity: f64, rate: f64) -> Self {
        Reserve { capacity, rate, level: capacity, at: Instant::now(), settle: None }
    }

    /// Reserves input and p90 of outputs, and gives back at the end what was not used.
    pub(crate) fn debit_refund(capacity: f64, rate: f64) -> Self {
        let p90 = RunningQuantile::new(0.9, 1_000).expect("0.9 is a quantile and 1,000 a window");
        Reserve { settle: Some(p90), ..Reserve::max_tokens(capacity, rate) }
    }

    fn refill(&mut self) {
        let now = Instant::now();
        let gained = (now - self.at).as_secs_f64() * self.rate;
        self.level = (self.level + gained).min(self.capacity);
        self.at = now;
    }

    fn give_back(&mut self, tokens: f64) {
        self.refill();
        self.level = (self.level + tokens).min(self.capacity);
    }
}

impl Gate for Reserve {
    fn admit(&mut self, ask: &Ask) -> Result<f64, Instant> {
        self.refill();
        let output = self.settle.as_ref().and_then(|p90| p90.value(SAMPLES)).unwrap_or(ask.cap);
        let cost = ((ask.estimate + output) as f64).min(self.capacity);
        let missing = cost - self.level;
        if missing > 1e-6 {
            return Err(Instant::now() + Duration::from_secs_f64(missing / self.rate));
        }
        self.level -= cost;
        Ok(cost)
    }

    fn refused(&mut self, taken: f64) {
        self.give_back(taken);
    }

    fn ended(&mut self, ask: &Ask, taken: f64) {
        if let Some(p90) = &self.settle {
            p90.record(ask.output);
            self.give_back(taken - (ask.input + ask.output) as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use buttress_call::Call;
    use tokio::time::advance;

    use super::*;

    fn ask() -> Ask {
        Ask { input: 100, output: 10, estimate: 100, cap: 900, call: Call::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cap_that_is_never_settled_is_lost() {
        let mut gate = Reserve::max_tokens(1_000.0, 10.0);
        let taken = gate.admit(&ask()).unwrap();
        gate.ended(&ask(), taken);
        assert_eq!(gate.admit(&ask()), Err(Instant::now() + Duration::from_secs(100)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refund_after_a_refill_is_given_twice() {
        let mut gate = Reserve::debit_refund(1_000.0, 10.0);
        let taken = gate.admit(&ask()).unwrap();
        // The provider was charged 100 by now, and has them back; it has yet to charge the output.
        advance(Duration::from_secs(100)).await;
        gate.ended(&ask(), taken);
        assert_eq!(gate.level.round() as i64, 1_000, "the provider's bucket holds 10 less");
    }
}
