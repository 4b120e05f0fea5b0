//! What the limits look like, and how long a call is going to wait.

use buttress_call::Charging;

use super::{Dimension, Engine, Nanos, Need, meter::Meter};
use crate::Policy;

/// One limit's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Zero for what is not counted by the minute.
    pub(crate) per_minute: u64,
    pub(crate) capacity: u64,
    pub(crate) level: f64,
    pub(crate) held: u64,
}

impl Reading {
    fn is_full(&self) -> bool {
        self.level >= self.capacity as f64 && self.held == 0
    }
}

impl Engine {
    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn charging(&self) -> Charging {
        self.charging
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether as many calls are in flight as may be.
    pub(crate) fn is_full(&self) -> bool {
        self.policy.in_flight.is_some_and(|max| self.in_flight >= max)
    }

    pub(crate) fn blocked(&self) -> Option<Nanos> {
        self.block.holds_until(self.now).map(|until| until - self.now)
    }

    pub(crate) fn is_rising(&self) -> bool {
        self.ramp.is_rising()
    }

    pub(crate) fn reading(&self, dimension: Dimension) -> Option<Reading> {
        match dimension {
            Dimension::Requests => self.requests.as_ref().map(|requests| requests.reading(self.now)),
            Dimension::InFlight => self.policy.in_flight.map(|max| Reading {
                per_minute: 0,
                capacity: max as u64,
                level: max as f64 - self.in_flight as f64,
                held: 0,
            }),
            _ => self.meter(dimension).map(Meter::reading),
        }
    }

    /// The limit that could not let such a call pass even if nothing else were there.
    pub(crate) fn too_small(&self, need: &Need) -> Option<Dimension> {
        let mut meters = self.meters.iter().flatten();
        meters.find(|meter| meter.dimension().of(need) > meter.capacity()).map(Meter::dimension)
    }

    /// How long a call is going to wait behind so many others, about: until enough has flowed in for what those before it are
    /// going to be charged, for its own need, and for as much as is held now, by whichever calls are in flight then.
    pub(crate) fn estimate(&self, need: &Need, ahead: &Need, calls_ahead: u64) -> (Nanos, Dimension) {
        let mut longest = (self.blocked().unwrap_or(0), self.paced());
        let mut at_least = |time, on| {
            if time > longest.0 {
                longest = (time, on);
            }
        };
        for meter in self.meters.iter().flatten() {
            let dimension = meter.dimension();
            let charged = (ahead.output as f64 * self.used_share) as u64;
            let wanted = dimension.of(need) + dimension.count(ahead.input, charged) + meter.held();
            let missing = wanted as f64 - meter.level();
            if missing > 0.0 {
                at_least(meter.time_for(self.now, missing), dimension);
            }
        }
        if let Some(requests) = &self.requests {
            at_least(requests.time_for(self.now, calls_ahead + 1), Dimension::Requests);
        }
        longest
    }

    /// Whether nothing here needs to be remembered: no call in flight, nothing used, no block.
    pub(crate) fn is_at_rest(&mut self, now: Nanos) -> bool {
        self.advance(now);
        self.in_flight == 0
            && self.block.holds_until(self.now).is_none()
            && self.requests.as_ref().is_none_or(|requests| requests.reading(self.now).is_full())
            && self.meters.iter().flatten().all(|meter| meter.reading().is_full())
    }
}
