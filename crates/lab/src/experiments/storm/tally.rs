//! How long an upstream's clients take to be well again.

use std::time::Duration;

use super::upstream::OUTAGE;

const BINS_A_SECOND: usize = 10;
/// So long the clients must do well.
const CALM_BINS: usize = 10 * BINS_A_SECOND;
const GOOD: f64 = 0.99;

/// Calls by the moment at which their callers learnt what came of them.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    bins: Vec<Bin>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    calls: u64,
    good: u64,
}

impl Tally {
    pub(crate) fn record(&mut self, ended: Duration, good: bool) {
        let index = bin(ended);
        if self.bins.len() <= index {
            self.bins.resize(index + 1, Bin::default());
        }
        self.bins[index].calls += 1;
        self.bins[index].good += u64::from(good);
    }

    /// From the outage's end to the start of the first 10 s in which 99 % of the calls that end are good; `None` if there are none.
    pub(crate) fn recovery_s(&self) -> Option<f64> {
        let after = self.bins.get(bin(OUTAGE.end)..)?;
        let calm = after.windows(CALM_BINS).position(|window| {
            let (calls, good) =
                window.iter().fold((0, 0), |(calls, good), bin| (calls + bin.calls, good + bin.good));
            good as f64 >= GOOD * calls as f64
        })?;
        Some(calm as f64 / BINS_A_SECOND as f64)
    }
}

fn bin(ended: Duration) -> usize {
    (ended.as_secs_f64() * BINS_A_SECOND as f64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(bad: impl Fn(f64) -> bool) -> Tally {
        let mut tally = Tally::default();
        for call in 0..20_000 {
            let ended = f64::from(call) / 100.0;
            tally.record(Duration::from_secs_f64(ended), !bad(ended));
        }
        tally
    }

    #[test]
    fn recovery_begins_where_ten_good_seconds_begin() {
        assert_eq!(tally(|at| (60.0..120.0).contains(&at)).recovery_s(), Some(0.0));
        let late = tally(|at| (60.0..123.0).contains(&at)).recovery_s().unwrap();
        assert!((2.8..=3.0).contains(&late), "{late}");
        assert_eq!(tally(|at| at >= 60.0).recovery_s(), None);
        assert_eq!(Tally::default().recovery_s(), None);
    }
}
