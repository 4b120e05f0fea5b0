//! One token limit: a mirror of the upstream's own count, and what calls in flight hold of it.
//!
//! # Hold, do not debit and refund
//!
//! A client that debits its own bucket for what a call *may* generate, and refunds the rest at the end, refills that debit
//! in the meantime, although the upstream has not charged it yet; its level drifts above the true one. So here only what the
//! upstream has charged is debited. What it is going to charge is a hold: it keeps other calls out, but never refills.
//!
//! With `level` the mirror and `held` the holds, a call passes when `level >= need + held`. The invariant behind it:
//! **`level - held` is never above the upstream's own level**, given true estimates and no other client. Each rule follows
//! from it:
//!
//! - A debit may come late but not early. Late, a full bucket misses some refill that the upstream's has had: less passes.
//!   Early, a full bucket refills what the upstream has not charged yet: more passes than there is.
//! - A hold is given back whole; it never refilled. A debit that turns out to be wrong is given back only as far as the
//!   level could have risen without it (`give_back`): the upstream's bucket, full all along, has wasted the same refill.
//! - What the upstream itself reserves and returns (`max_tokens`), the mirror debits and refunds in the same way.

use super::{
    Dimension, Nanos, Need, Reading, SECOND, Ticket,
    log::Log,
    need::{Charge, Part},
    young::Young,
};
use crate::{Policy, Window};

/// Floating point may be off by so much. A thousandth of a token.
const HAIR: f64 = 1e-3;

#[derive(Debug)]
pub(crate) struct Meter {
    dimension: Dimension,
    counts_input: bool,
    counts_output: bool,
    /// Tells it from others in its place, before it and after it: a call settles only with the one that it was taken into.
    era: u32,
    per_minute: u64,
    /// Tokens a nanosecond.
    rate: f64,
    capacity: u64,
    store: Store,
    /// Input that the upstream may not have charged yet.
    young: Young,
    /// Output that it will charge later.
    later: u64,
    /// Charged at a time that was not looked at: debited when it is next.
    pending: u64,
    /// Returned likewise.
    refunds: u64,
}

#[derive(Debug)]
enum Store {
    Bucket {
        level: f64,
        /// All that has flowed into the bucket, whether or not there was room for it.
        inflow: f64,
        at: Nanos,
    },
    Log(Log),
}

/// What keeps a call from passing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    Free,
    Until(Nanos),
    /// A call has to end first.
    Release,
}

impl Meter {
    pub(crate) fn new(policy: &Policy, dimension: Dimension, per_minute: u64, era: u32, now: Nanos) -> Self {
        let capacity = policy.capacity_of(per_minute);
        let store = match policy.window {
            Window::Bucket => Store::Bucket { level: capacity as f64, inflow: 0.0, at: now },
            Window::Sliding => Store::Log(Log::new(now)),
        };
        let mut young = Young::default();
        young.mature(now / SECOND);
        Meter {
            dimension,
            counts_input: dimension.count(1, 0) > 0,
            counts_output: dimension.count(0, 1) > 0,
            era,
            per_minute,
            rate: rate(per_minute),
            capacity,
            store,
            young,
            later: 0,
            pending: 0,
            refunds: 0,
        }
    }

    pub(crate) fn dimension(&self) -> Dimension {
        self.dimension
    }

    pub(crate) fn capacity(&self) -> u64 {
        self.capacity
    }

    /// Tokens a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rate * SECOND as f64
    }

    /// What the upstream has left, as far as it is known. Below zero it is a debt.
    pub(crate) fn level(&self) -> f64 {
        let level = match &self.store {
            Store::Bucket { level, .. } => *level,
            Store::Log(log) => self.capacity as f64 - log.total() as f64,
        };
        level - self.pending as f64
    }

    pub(crate) fn held(&self) -> u64 {
        self.young.total() + self.later
    }

    #[inline]
    pub(crate) fn advance(&mut self, now: Nanos, slot: u64) {
        while let Some((at, matured)) = self.young.mature(slot) {
            self.flow(at, 0, matured);
        }
        let (refund, debit) = (std::mem::take(&mut self.refunds), std::mem::take(&mut self.pending));
        self.flow(now, refund, debit);
    }

    /// Lets the time pass until `now`; what is charged then comes last, so that it is not too early.
    #[inline]
    fn flow(&mut self, now: Nanos, refund: u64, debit: u64) {
        let capacity = self.capacity as f64;
        match &mut self.store {
            Store::Bucket { level, inflow, at } => {
                let gained = now.saturating_sub(*at) as f64 * self.rate + refund as f64;
                *inflow += gained;
                *level = (*level + gained).min(capacity) - debit as f64;
                *at = now.max(*at);
            }
            Store::Log(log) => {
                log.advance(now);
                log.add(debit);
            }
        }
    }

    /// Whether a call of this need may pass.
    #[inline]
    pub(crate) fn has_room(&self, need: &Need) -> bool {
        self.missing(self.wanted(need)) <= HAIR
    }

    #[inline]
    fn wanted(&self, need: &Need) -> u64 {
        self.count(need.input, need.output).saturating_add(self.held())
    }

    #[inline]
    fn missing(&self, wanted: u64) -> f64 {
        wanted as f64 - self.level()
    }

    /// What keeps a call of this need out, by now.
    pub(crate) fn hold(&self, now: Nanos, need: &Need) -> Hold {
        let wanted = self.wanted(need);
        let missing = self.missing(wanted);
        if missing <= HAIR {
            return Hold::Free;
        }
        if wanted > self.capacity {
            // Not even a full bucket would do: a hold has to end, be it by becoming a debit.
            return self.young.next().map_or(Hold::Release, Hold::Until);
        }
        Hold::Until(now.saturating_add(self.time_for(now, missing)))
    }

    /// How long it takes until there is so much more than now, if nothing else is charged.
    pub(crate) fn time_for(&self, now: Nanos, tokens: f64) -> Nanos {
        // The cast saturates; a nanosecond more is rounding's due.
        let flow = |tokens: f64| ((tokens / self.rate) as u64).saturating_add(1);
        match &self.store {
            Store::Bucket { .. } => flow(tokens),
            Store::Log(log) => {
                let missing = tokens.ceil() as u64;
                let forgotten = log.until_forgotten(missing.min(log.total())).saturating_sub(now);
                let beyond = missing.saturating_sub(log.total());
                forgotten.saturating_add(if beyond > 0 { flow(beyond as f64) } else { 0 })
            }
        }
    }

    /// The tokens that count here: as the dimension counts them, without a jump for each.
    #[inline]
    fn count(&self, input: u64, output: u64) -> u64 {
        let input = if self.counts_input { input } else { 0 };
        input + if self.counts_output { output } else { 0 }
    }

    /// The upstream charges `.0` at admission and `.1` at the end.
    fn parts(&self, need: &Need) -> (u64, u64) {
        let (input, output) = (self.count(need.input, 0), self.count(0, need.output));
        // A log does not refill: to hold what may come back keeps it strict, and costs nothing.
        if need.reserved() && matches!(self.store, Store::Bucket { .. }) {
            (input + output, 0)
        } else {
            (input, output)
        }
    }

    /// Takes the holds of a call.
    #[inline]
    pub(crate) fn take(&mut self, need: &Need, slot: u64) -> Part {
        let (first, later) = self.parts(need);
        self.young.add(slot, first);
        self.later += later;
        let mark = match &self.store {
            Store::Bucket { level, inflow, .. } => level - self.young.total() as f64 - inflow,
            Store::Log(_) => 0.0,
        };
        Part { era: self.era, mark }
    }

    #[inline]
    fn part(&self, ticket: &Ticket) -> Part {
        ticket.parts[self.dimension.index()]
    }

    /// Whether this call's input is still a hold here.
    pub(crate) fn is_young(&self, ticket: &Ticket) -> bool {
        self.part(ticket).era == self.era && !ticket.answered && self.young.holds(ticket.slot())
    }

    /// The call is only now about to be sent.
    pub(crate) fn renew(&mut self, ticket: &Ticket, slot: u64) {
        let (first, _) = self.parts(&ticket.need);
        self.young.remove(ticket.slot(), first);
        self.young.add(slot, first);
    }

    /// The upstream has charged what it charges at admission.
    pub(crate) fn answered(&mut self, ticket: &Ticket) {
        if self.is_young(ticket) {
            let (first, _) = self.parts(&ticket.need);
            self.young.remove(ticket.slot(), first);
            self.pending += first;
        }
    }

    /// The call is over.
    #[inline]
    pub(crate) fn settle(&mut self, ticket: &Ticket, charge: &Charge) {
        let (first, later) = self.parts(&ticket.need);
        let (input, output) = charge.of(&ticket.need);
        let charged = self.count(input, output);
        let Part { era, mark } = self.part(ticket);
        if era != self.era {
            // It holds nothing here; what it held in a limit before this one was charged in full when that went.
            self.pending += if era == 0 { charged } else { 0 };
            return;
        }
        self.later -= later;
        if self.is_young(ticket) {
            self.young.remove(ticket.slot(), first);
            if let Store::Bucket { inflow, .. } = &mut self.store {
                *inflow += first as f64;
            }
            self.pending += charged;
        } else if charged >= first {
            self.pending += charged - first;
        } else if ticket.need.reserved() {
            self.refund(first - charged);
        } else {
            self.give_back(first - charged, mark);
        }
    }

    /// The upstream returns what it had reserved.
    fn refund(&mut self, tokens: u64) {
        if let Store::Bucket { .. } = self.store {
            self.refunds += tokens;
        }
    }

    /// A debit was wrong: the upstream never charged it.
    ///
    /// Its level has been higher than the mirror's by as much, but never above its capacity. The mirror, less what is
    /// held, was at `mark + inflow` at most at any time since; the rest of the capacity is the room that there was. (A log
    /// does not know where the debit lies by now: it keeps it for its minute.)
    fn give_back(&mut self, tokens: u64, mark: f64) {
        if let Store::Bucket { level, inflow, .. } = &mut self.store {
            let capacity = self.capacity as f64;
            let room = (capacity - mark - *inflow).max(0.0);
            let back = (tokens as f64).min(room);
            *inflow += back;
            *level = (*level + back).min(capacity);
        }
    }

    /// The upstream says that it has no more than this.
    pub(crate) fn lower(&mut self, to: f64) {
        // It has charged the young inputs that have arrived; which have, nobody knows, so none is debited twice.
        let over = (self.level() - self.young.total() as f64 - to).max(0.0);
        match &mut self.store {
            Store::Bucket { level, .. } => *level -= over,
            Store::Log(log) => log.add((over as u64).min(self.capacity)),
        }
    }

    /// The upstream had no room for so much, and will have after this time.
    pub(crate) fn refused(&mut self, need: u64, block: Nanos) {
        let flows_in = match self.store {
            Store::Bucket { .. } => block as f64 * self.rate,
            // Nothing flows into a log, and what is added to it stays for a minute: the block has to do.
            Store::Log(_) => 0.0,
        };
        self.lower(need as f64 - flows_in);
    }

    /// Counts by another quota. What is used stays used.
    pub(crate) fn set_quota(&mut self, policy: &Policy, per_minute: u64) {
        let capacity = policy.capacity_of(per_minute);
        if let Store::Bucket { level, inflow, .. } = &mut self.store {
            *level += capacity as f64 - self.capacity as f64;
            *inflow += capacity.saturating_sub(self.capacity) as f64;
        }
        self.per_minute = per_minute;
        self.rate = rate(per_minute);
        self.capacity = capacity;
    }

    /// Another meter with the same use, counted by the policy's window. What is held counts as used.
    pub(crate) fn carried_over(&self, policy: &Policy, per_minute: u64, era: u32, now: Nanos) -> Self {
        let used = self.capacity as f64 - self.level() + self.held() as f64;
        let mut after = Meter::new(policy, self.dimension, per_minute, era, now);
        after.pending = used.max(0.0) as u64;
        after
    }

    pub(crate) fn reading(&self) -> Reading {
        Reading {
            per_minute: self.per_minute,
            capacity: self.capacity,
            level: self.level(),
            held: self.held(),
        }
    }
}

fn rate(per_minute: u64) -> f64 {
    per_minute as f64 / 60.0 / SECOND as f64
}
