//! What has happened lately, in words.

use std::{sync::Arc, time::Duration};

use serde::Serialize;
use tokio::time::Instant;

use crate::{
    breaker::{Reason, State, Transition},
    failover,
    telemetry::{self, Change, What},
};

/// A change of a layer, or one that an operator made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// How long ago it was, or was first seen; the last time, if it was more than once.
    pub ago_seconds: f64,
    /// How often it was, each time within 10 s of the one before.
    pub count: u64,
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
    pub(super) fn of_failover(route: &Arc<str>, change: &failover::Change) -> Option<Self> {
        let mut why = None;
        let (severity, target, what) = match change {
            failover::Change::None => return None,
            failover::Change::Added(target) => (Severity::Note, Some(target), "added".to_owned()),
            failover::Change::Removed(target) => (Severity::Note, Some(target), "removed".to_owned()),
            failover::Change::Drained(target) => {
                (Severity::Note, Some(target), "drained: it takes no new calls".to_owned())
            }
            failover::Change::Idle(target) => {
                (Severity::Note, Some(target), "drained: its last call has ended".to_owned())
            }
            failover::Change::Resumed(target) => (Severity::Good, Some(target), "resumed".to_owned()),
            failover::Change::Reordered => {
                (Severity::Note, None, "order, tier or strategy changed".to_owned())
            }
            failover::Change::Weighted(target) => (Severity::Note, Some(target), "weight changed".to_owned()),
            failover::Change::Cooling(target, cooldown) => {
                why = Some(cooldown.kind.to_string());
                let what = format!("out of service for {}", seconds(cooldown.remaining));
                (Severity::Trouble, Some(target), what)
            }
            failover::Change::Recovered(target) => {
                (Severity::Good, Some(target), "back in service".to_owned())
            }
            other => (Severity::Note, None, format!("{other:?}")),
        };
        let route = Some(route.clone());
        Some(Entry { route, target: target.cloned(), why, ..Entry::now(severity, what) })
    }

    pub(super) fn told(&self) -> Event {
        let Entry { at, severity, ref route, ref target, ref what, ref why } = *self;
        Event {
            ago_seconds: rounded(at.elapsed()),
            count: 1,
            severity,
            route: route.clone(),
            target: target.clone(),
            what: what.clone(),
            why: why.clone(),
        }
    }
}

impl Event {
    /// What telemetry has seen. `None` for what this handle has seen itself.
    pub(super) fn of_telemetry(event: &telemetry::Event, known: impl Fn(&str) -> bool) -> Option<Self> {
        let (severity, target, what, why) = match &event.what {
            What::Retry { target, kind } => {
                (Severity::Note, Some(target), "tried again".to_owned(), kind.map(|kind| kind.to_string()))
            }
            What::Failover { from, to, kind } => {
                (Severity::Note, Some(from), format!("failed over to {to}"), Some(kind.to_string()))
            }
            What::Exhausted { kind } => (
                Severity::Trouble,
                None,
                "a call failed: no target was left".to_owned(),
                Some(kind.to_string()),
            ),
            What::Change(Change { name, .. }) if known(name) => return None,
            What::Change(Change { name, from, to, reason }) => {
                (Severity::Note, Some(name), format!("{from} became {to}"), Some(reason.clone()))
            }
            other => (Severity::Note, None, format!("{other:?}"), None),
        };
        Some(Event {
            ago_seconds: rounded(event.age),
            count: event.count,
            severity,
            route: None,
            target: target.cloned(),
            what,
            why,
        })
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
