//! Baselines that count over a window. What they take for a call they keep until the window has
//! passed, whatever became of the call.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{gate::Gate, upstream::Ask};

const WINDOW: Duration = Duration::from_secs(60);

/// Counts what was begun in each minute since the start.
#[derive(Debug)]
pub(crate) struct Fixed {
    limit: f64,
    mean_output: f64,
    begin: Instant,
    used: f64,
}

impl Fixed {
    pub(crate) fn new(limit: f64, mean_output: f64) -> Self {
        Fixed { limit, mean_output, begin: Instant::now(), used: 0.0 }
    }
}

impl Gate for Fixed {
    fn admit(&mut self, ask: &Ask) -> Result<f64, Instant> {
        while self.begin + WINDOW <= Instant::now() {
            self.begin += WINDOW;
            self.used = 0.0;
        }
        let cost = ask.estimate as f64 + self.mean_output;
        if self.used > 0.0 && self.used + cost > self.limit {
            return Err(self.begin + WINDOW);
        }
        self.used += cost;
        Ok(cost)
    }
}

/// Counts what was begun in the last minute.
#[derive(Debug)]
pub(crate) struct Sliding {
    limit: f64,
    /// Zero for the arm that counts input alone.
    output: f64,
    used: f64,
    log: VecDeque<(Instant, f64)>,
}

impl Sliding {
    pub(crate) fn new(limit: f64, output: f64) -> Self {
        Sliding { limit, output, used: 0.0, log: VecDeque::new() }
    }
}

impl Gate for Sliding {
    fn admit(&mut self, ask: &Ask) -> Result<f64, Instant> {
        let now = Instant::now();
        while let Some((_, cost)) = self.log.front().filter(|(begun, _)| *begun + WINDOW <= now) {
            self.used -= cost;
            self.log.pop_front();
        }
        let cost = ask.estimate as f64 + self.output;
        if let Some((oldest, _)) = self.log.front()
            && self.used + cost > self.limit
        {
            return Err(*oldest + WINDOW);
        }
        self.used += cost;
        self.log.push_back((now, cost));
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use buttress_call::Call;
    use tokio::time::advance;

    use super::*;

    fn ask(estimate: u64) -> Ask {
        Ask { input: estimate, output: 0, estimate, cap: 0, call: Call::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fixed_window_lets_two_limits_through_around_its_edge() {
        let mut gate = Fixed::new(100.0, 0.0);
        advance(Duration::from_secs(59)).await;
        assert!(gate.admit(&ask(100)).is_ok());
        assert!(gate.admit(&ask(1)).is_err());
        advance(Duration::from_secs(1)).await;
        assert!(gate.admit(&ask(100)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sliding_window_does_not() {
        let mut gate = Sliding::new(100.0, 0.0);
        advance(Duration::from_secs(59)).await;
        assert!(gate.admit(&ask(100)).is_ok());
        advance(Duration::from_secs(1)).await;
        assert_eq!(gate.admit(&ask(100)), Err(Instant::now() + Duration::from_secs(59)));
        advance(Duration::from_secs(59)).await;
        assert!(gate.admit(&ask(100)).is_ok());
    }
}
