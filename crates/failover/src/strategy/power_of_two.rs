use std::time::Duration;

use crate::{Candidate, Candidates, Strategy};

/// Of two at random the one that is likely to answer sooner: for replicas of equal worth.
///
/// The measure is the time to first content times the calls in flight, this one included. Looking at two only keeps
/// callers from rushing to the same best one, and is nearly as good as looking at all.
///
/// The time is a moving average over ten seconds, and falls while nobody asks, so that a target that was slow is tried
/// again. A failure lifts it to 10 s at once: a target that fails fast has nothing in flight and would look like the
/// best of all. A target that was never asked is taken to be as fast as the other one.
#[derive(Clone, Copy, Debug, Default)]
pub struct PowerOfTwo;

impl Strategy for PowerOfTwo {
    fn pick<'a>(&self, candidates: &Candidates<'a>) -> Option<Candidate<'a>> {
        let [one, other] = two_of(candidates);
        match (one, other) {
            (Some(one), Some(other)) => Some(if is_better(&other, &one, candidates) { other } else { one }),
            (one, _) => one,
        }
    }
}

/// Two at random: each pair is equally likely.
fn two_of<'a>(candidates: &Candidates<'a>) -> [Option<Candidate<'a>>; 2] {
    let mut two = [None; 2];
    for (seen, candidate) in candidates.iter().enumerate() {
        let place = if seen < 2 { seen } else { candidates.random(seen as u64 + 1) as usize };
        if let Some(place) = two.get_mut(place) {
            *place = Some(candidate);
        }
    }
    two
}

fn is_better(other: &Candidate<'_>, one: &Candidate<'_>, candidates: &Candidates<'_>) -> bool {
    let (one_takes, other_takes) = (one.first_content(), other.first_content());
    let known = |time: Option<Duration>, instead: Option<Duration>| time.or(instead).unwrap_or(ANY);
    let cost = |candidate: &Candidate<'_>, time: Duration| {
        time.as_secs_f64() * (f64::from(candidate.in_flight()) + 1.0)
    };
    let one = cost(one, known(one_takes, other_takes));
    let other = cost(other, known(other_takes, one_takes));
    // Equals share, or the second would never be asked.
    other < one || (other <= one && candidates.random(2) == 0)
}

/// When nothing is known, the calls in flight decide.
const ANY: Duration = Duration::from_secs(1);
