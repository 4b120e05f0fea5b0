//! The latest notable events.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use buttress_call::Kind;
use tokio::time::Instant;

/// Something that an operator may want to know of.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// How long ago it happened, the last time if it happened more than once.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "age_seconds", serialize_with = "crate::snapshot::seconds")
    )]
    pub age: Duration,
    /// How often it happened, each time within 10 s of the last.
    pub count: u64,
    /// What it was.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum What {
    /// A call was tried again on the same target.
    Retry {
        /// The target.
        target: Arc<str>,
        /// The kind of the failure before, if the retry layer has told it.
        kind: Option<Kind>,
    },
    /// A call went on to another target.
    Failover {
        /// The target that failed.
        from: Arc<str>,
        /// The next one.
        to: Arc<str>,
        /// The kind of the failure.
        kind: Kind,
    },
    /// No target served a call.
    Exhausted {
        /// The kind of failure that the caller got.
        kind: Kind,
    },
    /// Something changed its state, as a breaker does.
    Change(Change),
}

/// A change of a state, told with [`Telemetry::changed`](crate::Telemetry::changed).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Change {
    /// Whose state it is: mostly a target's name.
    pub name: Arc<str>,
    /// The state before: one of a few fixed words.
    pub from: &'static str,
    /// The state after: one of a few fixed words.
    pub to: &'static str,
    /// Why.
    pub reason: String,
}

/// The same again within this time is counted instead of kept, so that a burst does not push out everything else.
const BURST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Events {
    most: usize,
    /// The latest comes last.
    ring: VecDeque<(Instant, u64, What)>,
}

impl Events {
    pub(crate) fn new(most: usize) -> Self {
        Events { most, ring: VecDeque::new() }
    }

    pub(crate) fn push(&mut self, now: Instant, what: What) {
        let recent = |at: Instant| now.saturating_duration_since(at) < BURST;
        let same = self.ring.iter().rposition(|(at, _, before)| recent(*at) && *before == what);
        let count = same.and_then(|index| self.ring.remove(index)).map_or(0, |(_, count, _)| count);
        if self.ring.len() >= self.most {
            self.ring.pop_front();
        }
        if self.most > 0 {
            self.ring.push_back((now, count + 1, what));
        }
    }

    /// The latest first.
    pub(crate) fn list(&self, now: Instant) -> Vec<Event> {
        let event = |(at, count, what): &(Instant, u64, What)| Event {
            age: now.saturating_duration_since(*at),
            count: *count,
            what: what.clone(),
        };
        self.ring.iter().rev().map(event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exhausted(kind: Kind) -> What {
        What::Exhausted { kind }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_event_and_the_latest_comes_first() {
        let mut events = Events::new(3);
        let start = Instant::now();
        for second in 0..20 {
            let now = start + Duration::from_secs(second);
            events.push(now, exhausted(Kind::Server));
            if second == 5 {
                events.push(now, exhausted(Kind::Connect));
            }
        }
        let list = events.list(start + Duration::from_secs(20));
        let counts: Vec<_> = list.iter().map(|event| (event.age.as_secs(), event.count)).collect();
        assert_eq!(counts, [(1, 20), (15, 1)]);
        events.push(start + Duration::from_secs(60), exhausted(Kind::Server));
        assert_eq!(events.list(start + Duration::from_secs(60))[0].count, 1, "a burst has an end");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_goes_when_there_is_no_room() {
        let mut events = Events::new(2);
        for kind in [Kind::Server, Kind::Connect, Kind::Timeout] {
            events.push(Instant::now(), exhausted(kind));
        }
        let kinds: Vec<_> = events.list(Instant::now()).into_iter().map(|event| event.what).collect();
        assert_eq!(kinds, [exhausted(Kind::Timeout), exhausted(Kind::Connect)]);
        let mut none = Events::new(0);
        none.push(Instant::now(), exhausted(Kind::Server));
        assert!(none.list(Instant::now()).is_empty());
    }
}
