//! What may pass now: every limit of one key, without a clock, a waker or a task of its own.
//!
//! All times are nanoseconds since the limiter was made, handed in by the caller. A time that goes backwards counts as
//! no time.

pub(crate) mod block;
mod change;
pub(crate) mod dimension;
pub(crate) mod gcra;
mod headers;
pub(crate) mod log;
mod look;
pub(crate) mod meter;
pub(crate) mod need;
pub(crate) mod ramp;
pub(crate) mod requests;
pub(crate) mod young;

use std::time::Duration;

use buttress_call::{Charging, OutputCharge};

use self::{
    block::Block,
    meter::{Hold, Meter},
    ramp::Ramp,
    requests::Requests,
};
pub(crate) use self::{
    dimension::Dimension,
    headers::Told,
    look::Reading,
    need::{Charge, Need, Ticket},
};
use crate::Policy;

/// Nanoseconds since the limiter was made.
pub(crate) type Nanos = u64;

pub(crate) const SECOND: Nanos = 1_000_000_000;

pub(crate) fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A call that finds room without it does not look at what has flowed in since less than this.
const GLANCE: Nanos = SECOND / 1_000;
/// Each answered call moves the average share so far.
const SHARE_STEP: f64 = 0.02;

/// What one lock guards: the levels, the holds and the blocks of one key.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Engine {
    now: Nanos,
    /// From then on the time that has passed is looked at in any case.
    look_at: Nanos,
    in_flight: usize,
    /// The share of its hold that an output is charged in the end, on average.
    used_share: f64,
    requests: Option<Requests>,
    meters: [Option<Meter>; 3],
    charging: Charging,
    /// Counts the meters that there were.
    eras: u32,
    block: Block,
    ramp: Ramp,
    policy: Policy,
}

/// Why a call may not pass now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) on: Dimension,
    /// When time alone will have mended it; `None` if a call in flight has to end first.
    pub(crate) until: Option<Nanos>,
}

impl Engine {
    /// The policy must have been checked.
    pub(crate) fn new(policy: &Policy, now: Nanos) -> Self {
        Engine {
            now,
            look_at: now,
            policy: *policy,
            charging: policy.charging(),
            requests: policy.requests.map(|limit| Requests::new(policy, limit, now)),
            meters: Dimension::TOKENS.map(|dimension| {
                policy.tokens(dimension).map(|limit| Meter::new(policy, dimension, limit, 1, now))
            }),
            eras: 1,
            in_flight: 0,
            used_share: 1.0,
            block: Block::default(),
            ramp: Ramp::new(nanos(policy.ramp_up)),
        }
    }

    /// The tokens that a call holds by this provider's way to charge.
    ///
    /// `expected` is what such calls usually generate, once enough of them were seen.
    #[inline]
    pub(crate) fn need(&self, input: u64, cap: Option<u64>, expected: Option<u64>) -> Need {
        let default = self.policy.default_output;
        let output = match self.charging.output {
            OutputCharge::Free => 0,
            OutputCharge::ReservedAndSettled | OutputCharge::ReservedAndKept => cap.unwrap_or(default),
            _ => {
                let usual = match (cap, expected) {
                    (cap, Some(expected)) => cap.map_or(expected, |cap| cap.min(expected)),
                    (None, None) => default,
                    (Some(cap), None) if cap <= default => cap,
                    // A cap says little of what a call generates: before anybody knows, it counts up to a tenth of the bucket.
                    (Some(cap), None) => cap.min(default.max(self.largest_output() / 10)),
                };
                self.fit(usual, input)
            }
        };
        Need::new(input, output, self.charging.output)
    }

    /// What is only expected never makes a call too large for the bucket.
    #[inline]
    fn fit(&self, output: u64, input: u64) -> u64 {
        let room = |dimension: Dimension, used| {
            self.meter(dimension).map_or(u64::MAX, |meter| meter.capacity().saturating_sub(used))
        };
        output.min(room(Dimension::Tokens, input)).min(room(Dimension::OutputTokens, 0))
    }

    fn largest_output(&self) -> u64 {
        let capacity = |dimension| self.meter(dimension).map_or(u64::MAX, Meter::capacity);
        capacity(Dimension::Tokens).min(capacity(Dimension::OutputTokens))
    }

    /// Lets the time pass.
    #[inline]
    pub(crate) fn advance(&mut self, now: Nanos) {
        self.now = self.now.max(now);
        let slot = self.now / SECOND;
        for meter in self.meters.iter_mut().flatten() {
            meter.advance(self.now, slot);
        }
        self.ramp.advance(self.now);
        // What is held by the second is kept in step with it.
        self.look_at = (self.now + GLANCE).min((slot + 1) * SECOND);
    }

    /// Lets a call pass, or says what keeps it out. A call that may not pass takes nothing.
    #[inline]
    pub(crate) fn admit(&mut self, now: Nanos, need: &Need) -> Result<Ticket, Wait> {
        self.now = self.now.max(now);
        // Time only ever makes room: where there is enough already it can wait a moment. Until then a debit that is due is
        // a hold, and late by so little.
        if self.now >= self.look_at || !self.has_room(need) {
            self.advance(now);
            if let Some(wait) = self.wait(need) {
                return Err(wait);
            }
        }
        // Governor's check cannot be taken back, so it comes last.
        if let Some(requests) = &mut self.requests
            && let Err(until) = requests.check(self.now)
        {
            return Err(Wait { on: Dimension::Requests, until: Some(until) });
        }
        Ok(self.take(need))
    }

    /// Whether nothing keeps a call out, requests left aside.
    #[inline]
    fn has_room(&self, need: &Need) -> bool {
        !self.is_full()
            && !self.ramp.holds_back()
            && self.block.holds_until(self.now).is_none()
            && self.meters.iter().flatten().all(|meter| meter.has_room(need))
    }

    /// What keeps a call out for the longest, requests left aside.
    #[inline]
    fn wait(&self, need: &Need) -> Option<Wait> {
        let mut longest: Option<Wait> = None;
        let mut hold = |on, until: Option<Nanos>| {
            // What needs a call to end has no known end.
            let longer =
                longest.is_none_or(|known| known.until.is_some_and(|at| until.is_none_or(|new| new > at)));
            if longer {
                longest = Some(Wait { on, until });
            }
        };
        for meter in self.meters.iter().flatten() {
            match meter.hold(self.now, need) {
                Hold::Free => {}
                Hold::Until(at) => hold(meter.dimension(), Some(at)),
                Hold::Release => hold(meter.dimension(), None),
            }
        }
        if let Some(until) = self.ramp.until(self.now) {
            hold(self.paced(), Some(until));
        }
        if let Some(until) = self.block.holds_until(self.now) {
            hold(self.paced(), Some(until));
        }
        if self.is_full() {
            hold(Dimension::InFlight, None);
        }
        longest
    }

    #[inline]
    fn take(&mut self, need: &Need) -> Ticket {
        self.in_flight += 1;
        if self.ramp.is_active() {
            let cost = self.seconds_of_quota(need);
            self.ramp.take(self.now, cost);
        }
        let mut ticket = Ticket::new(self.now, *need);
        let slot = self.now / SECOND;
        for (meter, part) in self.meters.iter_mut().zip(&mut ticket.parts) {
            if let Some(meter) = meter {
                *part = meter.take(need, slot);
            }
        }
        ticket
    }

    /// A call that was let through is about to be sent only now: its input is held anew.
    pub(crate) fn renew(&mut self, now: Nanos, ticket: &mut Ticket) {
        self.advance(now);
        let slot = self.now / SECOND;
        let still_held = self.meters.iter().flatten().all(|meter| meter.is_young(ticket));
        if still_held {
            for meter in self.meters.iter_mut().flatten() {
                meter.renew(ticket, slot);
            }
            ticket.at = self.now;
        }
    }

    /// The upstream answers, so it has charged what it charges at admission.
    pub(crate) fn answered(&mut self, ticket: &mut Ticket) {
        for meter in self.meters.iter_mut().flatten() {
            meter.answered(ticket);
        }
        ticket.answered = true;
        self.block.answered();
    }

    /// The call is over: its holds end, and what it has cost is charged.
    ///
    /// Without a time a debit that was wrong may be given back a little too generously, so leave it out only if nothing is.
    #[inline]
    pub(crate) fn settle(&mut self, now: Option<Nanos>, ticket: &Ticket, charge: &Charge) {
        if let Some(now) = now {
            self.advance(now);
        }
        self.in_flight -= 1;
        for meter in self.meters.iter_mut().flatten() {
            meter.settle(ticket, charge);
        }
        if !charge.sent {
            let cost = self.seconds_of_quota(&ticket.need);
            self.ramp.give_back(cost);
            if let Some(requests) = &mut self.requests {
                requests.give_back(self.now, ticket.counted);
            }
        } else if charge.answered {
            self.block.answered();
            if ticket.need.output > 0 {
                let (_, output) = charge.of(&ticket.need);
                let all = output >= ticket.need.output;
                let share = if all { 1.0 } else { output as f64 / ticket.need.output as f64 };
                self.used_share += SHARE_STEP * (share - self.used_share);
            }
        }
    }

    fn meter(&self, dimension: Dimension) -> Option<&Meter> {
        self.meters[dimension.index()].as_ref()
    }

    /// What stands for all limits together when a call is held back for its rate alone.
    fn paced(&self) -> Dimension {
        let tokens = self.meters.iter().flatten().next();
        tokens.map_or(Dimension::Requests, Meter::dimension)
    }

    /// A call's cost in all limits' common coin.
    fn seconds_of_quota(&self, need: &Need) -> f64 {
        let requests = self.requests.as_ref().map_or(0.0, |requests| 60.0 / requests.per_minute() as f64);
        let tokens =
            self.meters.iter().flatten().map(|meter| meter.dimension().of(need) as f64 / meter.rate());
        tokens.fold(requests, f64::max)
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod properties;
#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests;
