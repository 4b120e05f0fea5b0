//! What has happened lately, in words.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    breaker::{Reason, State, Transition},
    failover::Change,
};

/// A change of a layer, or one that an operator made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// Counts from 1, so that who looks again sees what is new.
    pub number: u64,
    /// How long ago it was, or was first seen.
    pub ago_seconds: f64,
    /// Whether it is good news.
    pub severity: Severity,
    /// The route that it happened in, if in one.
    pub route: Option<Arc<str>>,
    /// The target that it happened to, if to one.
    pub target: Option<Arc<str>>,
    /// What happened.
    pub what: String,
    /// Why, if that is known.
    pub why: Option<String>,
}

/// Whether news is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Severity {
    /// Something serves less than before.
    Trouble,
    /// Neither.
    Note,
    /// Something serves again.
    Good,
}

/// An event as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) at: Instant,
    pub(super) severity: Severity,
    pub(super) route: Option<Arc<str>>,
    pub(super) target: Option<Arc<str>>,
    pub(super) what: String,
    pub(super) why: Option<String>,
}

impl Entry {
    pub(super) fn now(severity: Severity, what: impl Into<String>) -> Self {
        Entry { at: Instant::now(), severity, route: None, target: None, what: what.into(), why: None }
    }

    pub(super) fn of_breaker(target: &Arc<str>, transition: &Transition) -> Self {
        let Transition { to, reason, at, .. } = *transition;
        let (severity, what) = match to {
            State::Open { until } => {
                let time = seconds(until.saturating_duration_since(at));
                (Severity::Trouble, format!("circuit open for {time}"))
            }
            State::HalfOpen => (Severity::Note, "circuit half open: probes pass".to_owned()),
            State::Closed => (Severity::Good, "circuit closed".to_owned()),
            State::ForcedOpen => (Severity::Trouble, "circuit forced open".to_owned()),
            State::ForcedClosed => (Severity::Note, "circuit forced closed".to_owned()),
            other => (Severity::Note, format!("circuit {other}")),
        };
        let told_already = matches!(reason, Reason::ForcedOpen | Reason::ForcedClosed);
        let why = (!told_already).then(|| reason.to_string());
        Entry { at, why, target: Some(target.clone()), ..Entry::now(severity, what) }
    }

    /// `None` if nothing has changed yet.
    pub(super) fn of_failover(route: &Arc<str>, change: &Change) -> Option<Self> {
        let mut why = None;
        let (severity, target, what) = match change {
            Change::None => return None,
            Change::Added(target) => (Severity::Note, Some(target), "added".to_owned()),
            Change::Removed(target) => (Severity::Note, Some(target), "removed".to_owned()),
            Change::Drained(target) => {
                (Severity::Note, Some(target), "drained: it takes no new calls".to_owned())
            }
            Change::Idle(target) => {
                (Severity::Note, Some(target), "drained: its last call has ended".to_owned())
            }
            Change::Resumed(target) => (Severity::Good, Some(target), "resumed".to_owned()),
            Change::Reordered => (Severity::Note, None, "order, tier or strategy changed".to_owned()),
            Change::Weighted(target) => (Severity::Note, Some(target), "weight changed".to_owned()),
            Change::Cooling(target, cooldown) => {
                why = Some(cooldown.kind.to_string());
                let what = format!("out of service for {}", seconds(cooldown.remaining));
                (Severity::Trouble, Some(target), what)
            }
            Change::Recovered(target) => (Severity::Good, Some(target), "back in service".to_owned()),
            other => (Severity::Note, None, format!("{other:?}")),
        };
        let route = Some(route.clone());
        Some(Entry { route, target: target.cloned(), why, ..Entry::now(severity, what) })
    }

    pub(super) fn told(&self, number: u64) -> Event {
        let Entry { at, severity, ref route, ref target, ref what, ref why } = *self;
        Event {
            number,
            ago_seconds: rounded(at.elapsed()),
            severity,
            route: route.clone(),
            target: target.clone(),
            what: what.clone(),
            why: why.clone(),
        }
    }
}

/// `1.5 s`, `60 s`.
pub(super) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 10.0 && seconds.fract() > 0.05 {
        format!("{seconds:.1} s")
    } else {
        format!("{seconds:.0} s")
    }
}

/// In seconds, to the millisecond.
pub(super) fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}
