//! What may pass now: every limit of one key, without a clock, a waker or a task of its own.
//!
//! All times are nanoseconds since the limiter was made, handed in by the caller. A time that goes backwards counts as
//! no time.

pub(crate) mod block;
pub(crate) mod dimension;
pub(crate) mod gcra;
pub(crate) mod log;
pub(crate) mod meter;
pub(crate) mod need;
pub(crate) mod ramp;
pub(crate) mod requests;
pub(crate) mod young;

use std::time::Duration;

use buttress_call::{Charging, Limit, Limits, OutputCharge};

use self::{
    block::Block,
    meter::{Hold, Meter},
    ramp::Ramp,
    requests::Requests,
};
pub(crate) use self::{
    dimension::Dimension,
    need::{Charge, Need, Ticket},
};
use crate::Policy;

/// Nanoseconds since the limiter was made.
pub(crate) type Nanos = u64;

pub(crate) const SECOND: Nanos = 1_000_000_000;

pub(crate) fn nanos(time: Duration) -> Nanos {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Headers describe the upstream as it was when it let the call in. Up to this age that counts as now; what refills
/// beyond it is allowed for, or the header of one long answer would take away what has refilled since.
const FRESH: Nanos = 2 * SECOND;

/// Each answered call moves the average share so far.
const SHARE_STEP: f64 = 0.02;

/// What one lock guards: the levels, the holds and the blocks of one key.
#[derive(Debug)]
pub(crate) struct Engine {
    now: Nanos,
    policy: Policy,
    charging: Charging,
    requests: Option<Requests>,
    meters: [Option<Meter>; 3],
    /// Counts the meters that there were.
    eras: u32,
    in_flight: usize,
    /// The share of its hold that an output is charged in the end, on average.
    used_share: f64,
    block: Block,
    ramp: Ramp,
}

/// Why a call may not pass now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) on: Dimension,
    /// When time alone will have mended it; `None` if a call in flight has to end first.
    pub(crate) until: Option<Nanos>,
}

/// One limit's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Zero for what is not counted by the minute.
    pub(crate) per_minute: u64,
    pub(crate) capacity: u64,
    pub(crate) level: f64,
    pub(crate) held: u64,
}

/// What an answer said of limits.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) limits: Option<Limits>,
    pub(crate) charging: Option<Charging>,
}

impl Told {
    pub(crate) fn is_empty(&self) -> bool {
        self.limits.is_none() && self.charging.is_none()
    }
}

impl Engine {
    /// The policy must have been checked.
    pub(crate) fn new(policy: &Policy, now: Nanos) -> Self {
        Engine {
            now,
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
    pub(crate) fn need(&self, input: u64, cap: Option<u64>, expected: Option<u64>) -> Need {
        let default = self.policy.default_output;
        let output = match self.charging.output {
            OutputCharge::Free => 0,
            OutputCharge::ReservedAndSettled | OutputCharge::ReservedAndKept => cap.unwrap_or(default),
            _ => {
                // A cap says little of what a call generates: before anybody knows, it counts up to a tenth of the bucket.
                let most = expected.unwrap_or(default.max(self.largest_output() / 10));
                let usual = cap.unwrap_or(expected.unwrap_or(default));
                self.fit(usual.min(most), input)
            }
        };
        Need::new(input, output, self.charging.output)
    }

    /// What is only expected never makes a call too large for the bucket.
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
    }

    /// Lets a call pass, or says what keeps it out. A call that may not pass takes nothing.
    pub(crate) fn admit(&mut self, now: Nanos, need: &Need) -> Result<Ticket, Wait> {
        self.advance(now);
        if let Some(wait) = self.wait(need) {
            return Err(wait);
        }
        // Governor's check cannot be taken back, so it comes last.
        if let Some(requests) = &mut self.requests
            && let Err(until) = requests.check(self.now)
        {
            return Err(Wait { on: Dimension::Requests, until: Some(until) });
        }
        Ok(self.take(need))
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
                let share = output as f64 / ticket.need.output as f64;
                self.used_share += SHARE_STEP * (share.min(1.0) - self.used_share);
            }
        }
    }

    /// The upstream refused a call for its rate. Returns for how long nothing passes.
    pub(crate) fn rate_limited(
        &mut self,
        now: Nanos,
        ticket: &Ticket,
        hint: Option<Duration>,
        limits: Option<&Limits>,
    ) -> Duration {
        self.advance(now);
        let hint = hint.map(|hint| nanos(hint.min(self.policy.max_hint)));
        let (block, storm) = self.block.refused(self.now, ticket.at, hint);
        if storm {
            self.ramp.restart(self.block.holds_until(self.now).unwrap_or(self.now));
        }
        for meter in self.meters.iter_mut().flatten() {
            let need = meter.dimension().of(&ticket.need);
            // An allowance that had room for the call is not the one that refused it.
            let left = limits.and_then(|limits| remaining(meter.dimension(), limits, self.charging));
            if left.is_none_or(|left| left < need) {
                meter.lower(need as f64 - block as f64 / SECOND as f64 * meter.rate());
            }
        }
        Duration::from_nanos(block)
    }

    /// What an answer says of the limits, to a call that was let through at `sent`.
    pub(crate) fn told(&mut self, now: Nanos, sent: Nanos, told: &Told) {
        if let Some(charging) = told.charging
            && self.policy.charging.is_none()
        {
            self.charging = charging;
        }
        let Some(limits) = &told.limits else { return };
        self.advance(now);
        if self.policy.learn_quota {
            self.learn(limits);
        }
        let stale = self.now.saturating_sub(sent.saturating_add(FRESH)) as f64 / SECOND as f64;
        for meter in self.meters.iter_mut().flatten() {
            if let Some(left) = remaining(meter.dimension(), limits, self.charging) {
                meter.lower(left as f64 + stale * meter.rate());
            }
        }
        if let Some(requests) = &mut self.requests
            && let Some(left) = remaining(Dimension::Requests, limits, self.charging)
        {
            let rate = requests.reading(self.now).per_minute as f64 / 60.0;
            requests.lower(self.now, left as f64 + stale * rate);
        }
    }

    /// Takes the quotas from the headers.
    fn learn(&mut self, limits: &Limits) {
        let mut policy = self.policy;
        let learnt = |dimension| per_minute(dimension, limits, self.charging);
        policy.requests =
            learnt(Dimension::Requests).filter(|n| u32::try_from(*n).is_ok()).or(policy.requests);
        policy.tokens = learnt(Dimension::Tokens).or(policy.tokens);
        policy.input_tokens = learnt(Dimension::InputTokens).or(policy.input_tokens);
        policy.output_tokens = learnt(Dimension::OutputTokens).or(policy.output_tokens);
        if policy != self.policy {
            self.set_policy(self.now, &policy);
        }
    }

    /// Limits by another policy from now on. What is used and what is held stays so.
    pub(crate) fn set_policy(&mut self, now: Nanos, policy: &Policy) {
        self.advance(now);
        let now = self.now;
        let recount = policy.window != self.policy.window;
        let old = std::mem::replace(&mut self.policy, *policy);
        if let Some(charging) = policy.charging {
            self.charging = charging;
        }
        self.requests = match (self.requests.take(), policy.requests) {
            (_, None) => None,
            (None, Some(limit)) => Some(Requests::new(policy, limit, now)),
            (Some(same), Some(limit))
                if !recount && old.burst == policy.burst && old.requests == Some(limit) =>
            {
                Some(same)
            }
            (Some(before), Some(limit)) => Some(before.carried_over(policy, limit, now)),
        };
        for dimension in Dimension::TOKENS {
            self.eras += 1;
            let era = self.eras;
            let place = &mut self.meters[dimension.index()];
            let Some(limit) = policy.tokens(dimension) else {
                *place = None;
                continue;
            };
            match place {
                None => *place = Some(Meter::new(policy, dimension, limit, era, now)),
                Some(meter) if recount => *meter = meter.carried_over(policy, limit, era, now),
                Some(meter) => meter.set_quota(policy, limit),
            }
        }
        self.ramp.set(nanos(policy.ramp_up));
    }

    // What it tells.

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
        let requests = self.requests.as_ref().map_or(0.0, |r| 60.0 / r.reading(self.now).per_minute as f64);
        let tokens =
            self.meters.iter().flatten().map(|meter| meter.dimension().of(need) as f64 / meter.rate());
        tokens.fold(requests, f64::max)
    }
}

/// What an answer says is left, where it can be compared with a limit by the minute.
///
/// A reset is never used: providers mean different things by it. Where input and output are counted apart, what is said of
/// all tokens together is a summary of the tightest limit (Anthropic), not one of its own.
fn said(dimension: Dimension, limits: &Limits, charging: Charging) -> Option<Limit> {
    let apart = charging.split || !limits.input_tokens.is_empty() || !limits.output_tokens.is_empty();
    (dimension != Dimension::Tokens || !apart).then(|| dimension.said(limits))
}

fn remaining(dimension: Dimension, limits: &Limits, charging: Charging) -> Option<u64> {
    let said = said(dimension, limits, charging)?;
    // What is left of a day or of a second says nothing about the minute.
    said.remaining.filter(|_| said.window.is_none_or(|window| window == MINUTE))
}

/// The quota that an answer tells. A limit of zero is no quota but no allowance at all: it is not learnt.
fn per_minute(dimension: Dimension, limits: &Limits, charging: Charging) -> Option<u64> {
    let said = said(dimension, limits, charging)?;
    let window = said.window.filter(|window| !window.is_zero() && *window <= MINUTE)?;
    let limit = said.limit? as f64 * (MINUTE.as_secs_f64() / window.as_secs_f64());
    (1.0..=MOST_LEARNT).contains(&limit).then_some(limit as u64)
}

const MINUTE: Duration = Duration::from_secs(60);

/// Larger quotas in a header are garbage.
const MOST_LEARNT: f64 = 1e12;

impl Reading {
    fn is_full(&self) -> bool {
        self.level >= self.capacity as f64 && self.held == 0
    }
}

#[cfg(all(test, not(buttress_loom)))]
mod properties;
