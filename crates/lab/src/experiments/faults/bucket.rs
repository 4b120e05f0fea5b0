//! The token bucket of a provider that is short of capacity: all of a call is charged as it is admitted.

use std::time::Duration;

use tokio::time::Instant;

const SIZE: f64 = 150_000.0;

#[derive(Debug)]
pub(super) struct Bucket {
    level: f64,
    at: Instant,
    per_second: f64,
}

impl Bucket {
    /// It is full.
    pub(super) fn new(per_second: f64) -> Self {
        Bucket { level: SIZE, at: Instant::now(), per_second }
    }

    /// Takes so many tokens, or says in how many whole seconds they will be there.
    pub(super) fn take(&mut self, tokens: u64) -> Result<(), Duration> {
        let now = Instant::now();
        self.level = (self.level + (now - self.at).as_secs_f64() * self.per_second).min(SIZE);
        self.at = now;
        let missing = tokens as f64 - self.level;
        if missing > 0.0 {
            return Err(Duration::from_secs((missing / self.per_second).ceil() as u64));
        }
        self.level -= tokens as f64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn after_its_hint_a_call_is_admitted() {
        clock::simulate(async {
            let mut bucket = Bucket::new(100.0);
            assert_eq!(bucket.take(150_000), Ok(()));
            let hint = Duration::from_secs(3);
            assert_eq!(bucket.take(250), Err(hint));
            tokio::time::advance(hint).await;
            assert_eq!(bucket.take(250), Ok(()));
        });
    }
}
