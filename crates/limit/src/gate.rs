//! One key's limits and queue, behind one lock. Only a call whose end tells nothing leaves without it.
//!
//! Nothing here reads a clock or waits: `now` comes in, and what comes out says until when to wait. Wakers are called when
//! the lock is gone.

use std::{
    task::{Context, Waker},
    time::Duration,
};

use buttress_call::{Charging, Priority};

use crate::{
    Dimension, Exceeded, Policy,
    calls::{Calls, Held},
    ended::{Ended, Unsettled},
    engine::{Charge, Engine, Nanos, Need, Reading, Told, nanos},
    error::Why,
    queue::{Place, Queue},
    sync::{Mutex, MutexGuard, lock},
};

/// In this order, and so are its state, the engine and the limits around it: what every call changes lies close together,
/// or two threads would hand each other twice as many cache lines.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Gate {
    ended: Ended,
    state: Mutex<State>,
}

#[derive(Debug)]
#[repr(C)]
struct State {
    calls: Calls,
    counts: Counts,
    engine: Engine,
    queue: Queue,
}

/// What became of calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) admitted: u64,
    pub(crate) waited: u64,
    pub(crate) refused: u64,
    pub(crate) rate_limited: u64,
}

/// A call that wants to pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    /// Estimated tokens of the prompt.
    pub(crate) input: u64,
    /// The caller's own cap on the output.
    pub(crate) cap: Option<u64>,
    /// What such calls usually generate, if enough of them were seen.
    pub(crate) expected: Option<u64>,
    pub(crate) priority: Priority,
    /// Whether it may wait.
    pub(crate) may_wait: bool,
    /// The time left until its deadline.
    pub(crate) remaining: Option<Duration>,
}

#[derive(Debug)]
pub(crate) enum Entry {
    Admitted(Held),
    /// It has to wait, and was not queued.
    Busy,
    Queued(Place),
    Refused(Exceeded),
}

#[derive(Debug)]
pub(crate) enum Turn {
    Admitted(Held),
    /// Not yet; the task is woken when it may be, and should look again by itself at that time.
    Wait(Option<Nanos>),
    Refused(Exceeded),
}

/// How a call that is over is settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settlement<'a, F> {
    /// What it has cost, given what was held for it and how the provider charges.
    pub(crate) charge: F,
    pub(crate) rate_limited: Option<RateLimited>,
    pub(crate) told: &'a Told,
}

/// What is known of it then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    /// How the provider charges.
    pub(crate) charging: Charging,
    /// For how long nothing passes, if it was refused for its rate.
    pub(crate) blocked: Option<Duration>,
}

/// The upstream's refusal for the rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RateLimited {
    pub(crate) hint: Option<Duration>,
}

impl Gate {
    /// The policy must have been checked.
    pub(crate) fn new(policy: &Policy, now: Nanos) -> Self {
        let state = State {
            engine: Engine::new(policy, now),
            calls: Calls::default(),
            queue: Queue::default(),
            counts: Counts::default(),
        };
        Gate { state: Mutex::new(state), ended: Ended::new() }
    }

    /// Lets a call pass at once if it may and nobody waits; else it queues it, or says that it would have to wait.
    #[inline]
    pub(crate) fn enter(&self, now: Nanos, ask: &Ask, queue: bool) -> Entry {
        let mut state = self.lock();
        let need = state.engine.need(ask.input, ask.cap, ask.expected);
        if let Some(held) = state.admit(now, &need) {
            return Entry::Admitted(held);
        }
        let entry = state.keep_out(now, ask, need, queue);
        if let Entry::Queued(_) = entry {
            // From here on whoever ends wakes the head. Who has ended before is settled when the head looks.
            self.ended.wait(true);
        }
        entry
    }

    /// The state, with every call settled that has ended so far.
    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = lock(&self.state);
        state.settle_all(&self.ended);
        state
    }

    /// Somebody may have left the queue. Says whom to wake now.
    fn left(&self, state: &State) -> Option<Waker> {
        if state.queue.is_empty() {
            self.ended.wait(false);
        }
        state.queue.head()
    }

    /// Looks whether a queued call may pass by now. It has left the queue if it may, or if it was refused.
    pub(crate) fn turn(&self, now: Nanos, place: Place, cx: &Context<'_>) -> Turn {
        let (turn, next) = {
            let mut state = self.lock();
            let turn = state.turn(now, place, cx);
            let left = !matches!(turn, Turn::Wait(_));
            (turn, left.then(|| self.left(&state)).flatten())
        };
        wake(next);
        turn
    }

    /// A queued call has waited for as long as it may.
    pub(crate) fn give_up(&self, now: Nanos, place: Place) -> Exceeded {
        let (exceeded, next) = {
            let mut state = self.lock();
            state.engine.advance(now);
            let (need, since) = state.queue.get(place).map_or((Need::NONE, now), |w| (w.need, w.since));
            state.queue.leave(place, false);
            state.counts.refused += 1;
            let waited = Duration::from_nanos(now.saturating_sub(since));
            (state.exceeded(Why::Waited(waited), &need, Priority::Low), self.left(&state))
        };
        wake(next);
        exceeded
    }

    /// A queued call is dropped.
    pub(crate) fn leave(&self, place: Place) {
        let next = {
            let mut state = self.lock();
            state.queue.leave(place, false);
            self.left(&state)
        };
        wake(next);
    }

    /// A call that had waited is sent.
    pub(crate) fn renew(&self, now: Nanos, held: &Held) {
        let mut state = self.lock();
        let State { engine, calls, .. } = &mut *state;
        engine.renew(now, calls.get_mut(held));
    }

    /// A call's answer begins.
    pub(crate) fn answered(&self, now: Option<Nanos>, held: &Held, told: &Told) {
        let next = {
            let mut state = self.lock();
            let State { engine, calls, .. } = &mut *state;
            let ticket = calls.get_mut(held);
            engine.answered(ticket);
            if let Some(now) = now {
                engine.told(now, ticket.at, told);
            }
            // A learnt quota may be a larger one.
            state.queue.head()
        };
        wake(next);
    }

    /// A call is over, and has cost what was held for it: no lock is needed while nobody waits.
    #[inline]
    pub(crate) fn end(&self, held: Held) {
        if let Some(unsettled) = self.ended.leave(held) {
            self.end_now(unsettled);
        }
    }

    #[cold]
    fn end_now(&self, unsettled: Unsettled) {
        let next = {
            let mut state = self.lock();
            if let Unsettled::Here(held) = unsettled {
                let State { engine, calls, .. } = &mut *state;
                let ticket = calls.take(held);
                engine.settle(None, ticket, &Charge::all_of(&ticket.need));
            }
            state.queue.head()
        };
        wake(next);
    }

    /// A call is over.
    #[inline]
    pub(crate) fn settle(
        &self,
        now: Option<Nanos>,
        held: Held,
        settlement: Settlement<'_, impl FnOnce(&Need, Charging) -> Charge>,
    ) -> Settled {
        let (settled, next) = {
            let mut state = self.lock();
            let settled = state.settle(now, held, settlement);
            (settled, state.queue.head())
        };
        wake(next);
        settled
    }

    pub(crate) fn set_policy(&self, now: Nanos, policy: &Policy) {
        let next = {
            let mut state = self.lock();
            state.engine.set_policy(now, policy);
            state.queue.head()
        };
        wake(next);
    }

    pub(crate) fn look<T>(&self, now: Nanos, look: impl FnOnce(&Engine, Counts, usize) -> T) -> T {
        let mut state = self.lock();
        state.engine.advance(now);
        look(&state.engine, state.counts, state.queue.len())
    }

    /// Whether it may be forgotten.
    pub(crate) fn is_at_rest(&self, now: Nanos) -> bool {
        let mut state = self.lock();
        state.queue.is_empty() && state.engine.is_at_rest(now)
    }
}

impl State {
    /// Lets a call pass if it may and nobody waits.
    #[inline]
    fn admit(&mut self, now: Nanos, need: &Need) -> Option<Held> {
        if !self.queue.is_empty() {
            return None;
        }
        let ticket = self.engine.admit(now, need).ok()?;
        self.counts.admitted += 1;
        Some(self.calls.keep(ticket))
    }

    /// Settles the calls that ended without the lock.
    #[inline]
    fn settle_all(&mut self, ended: &Ended) {
        let bits = ended.bits();
        while let Some(ticket) = self.calls.next_ended(bits) {
            self.engine.settle(None, ticket, &Charge::all_of(&ticket.need));
        }
    }

    #[cold]
    fn keep_out(&mut self, now: Nanos, ask: &Ask, need: Need, queue: bool) -> Entry {
        self.engine.advance(now);
        if let Err(exceeded) = self.may_queue(ask, &need) {
            self.counts.refused += 1;
            return Entry::Refused(exceeded);
        }
        if !queue {
            return Entry::Busy;
        }
        Entry::Queued(self.queue.join(ask.priority, need, now))
    }

    fn may_queue(&self, ask: &Ask, need: &Need) -> Result<(), Exceeded> {
        let exceeded = |why| Err(self.exceeded(why, need, ask.priority));
        if let Some(dimension) = self.engine.too_small(need) {
            return exceeded(Why::TooLarge(dimension));
        }
        if !ask.may_wait {
            return exceeded(Why::Hedge);
        }
        let policy = self.engine.policy();
        if self.queue.len() >= policy.max_waiting {
            return exceeded(Why::QueueFull);
        }
        let patience = ask.remaining.map_or(policy.max_wait, |remaining| remaining.min(policy.max_wait));
        if self.estimate(need, ask.priority).0 > nanos(patience) {
            return exceeded(Why::WouldWait);
        }
        Ok(())
    }

    fn turn(&mut self, now: Nanos, place: Place, cx: &Context<'_>) -> Turn {
        let Some(waiter) = self.queue.get(place) else { return Turn::Wait(None) };
        let (need, since) = (waiter.need, waiter.since);
        if !self.queue.is_head(place) {
            self.queue.listen(place, cx);
            return Turn::Wait(None);
        }
        // The quota may have changed since it came.
        if let Some(dimension) = self.engine.too_small(&need) {
            self.queue.leave(place, false);
            self.counts.refused += 1;
            return Turn::Refused(self.exceeded(Why::TooLarge(dimension), &need, Priority::Low));
        }
        match self.engine.admit(now, &need) {
            Ok(ticket) => {
                self.queue.leave(place, true);
                self.counts.admitted += 1;
                self.counts.waited += u64::from(now > since);
                Turn::Admitted(self.calls.keep(ticket))
            }
            Err(wait) => {
                self.queue.listen(place, cx);
                Turn::Wait(wait.until)
            }
        }
    }

    #[inline]
    fn settle(
        &mut self,
        now: Option<Nanos>,
        held: Held,
        settlement: Settlement<'_, impl FnOnce(&Need, Charging) -> Charge>,
    ) -> Settled {
        let Settlement { charge, rate_limited, told } = settlement;
        let charging = self.engine.charging();
        let (engine, ticket) = (&mut self.engine, self.calls.take(held));
        engine.settle(now, ticket, &charge(&ticket.need, charging));
        let mut settled = Settled { charging, blocked: None };
        if let Some(now) = now {
            engine.told(now, ticket.at, told);
            if let Some(RateLimited { hint }) = rate_limited {
                self.counts.rate_limited += 1;
                settled.blocked = Some(engine.rate_limited(now, ticket, hint, told.limits.as_ref()));
            }
        }
        settled
    }

    fn estimate(&self, need: &Need, priority: Priority) -> (Nanos, Dimension) {
        let ahead = self.queue.ahead_of(priority);
        self.engine.estimate(need, &Need { input: ahead.input, output: ahead.output, ..*need }, ahead.calls)
    }

    fn exceeded(&self, why: Why, need: &Need, priority: Priority) -> Exceeded {
        let (wait, on) = self.estimate(need, priority);
        let (dimension, retry_after) = match why {
            Why::TooLarge(dimension) => (dimension, None),
            // A call has to end first, and nobody knows when one will.
            _ if wait == 0 && self.engine.is_full() => (Dimension::InFlight, None),
            _ => (on, Some(Duration::from_nanos(wait))),
        };
        let reading: Reading = self.engine.reading(dimension).unwrap_or_default();
        Exceeded { why, dimension, need: dimension.of(need), reading, waiting: self.queue.len(), retry_after }
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests;
