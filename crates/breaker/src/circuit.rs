//! The state machine: who may pass, and what each end of a call does. It knows neither clock nor calls.
//!
//! One atomic word is the whole state. While closed it is changed by compare-and-swap alone, so calls never wait for
//! each other. Out of every other mode it is changed under the mutex, which also guards the probes' leases.

use std::sync::atomic::Ordering::{AcqRel, Acquire, Release};

use crate::{
    leases::{LeaseId, Leases},
    sync::{AtomicU64, Mutex, MutexGuard, lock},
    word::{Mode, Word},
};

#[derive(Debug)]
pub(crate) struct Circuit {
    word: AtomicU64,
    recovery: Mutex<Recovery>,
}

/// What is only needed on the way back to closed.
#[derive(Debug, Default)]
struct Recovery {
    /// How often in a row half-open ended in open.
    reopened: u32,
    /// Probes that succeeded in this generation.
    passed: u32,
    leases: Leases,
}

/// What a call that was let through holds. It counts only in its own generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) generation: u32,
    /// The slot, if the call is a probe.
    pub(crate) lease: Option<LeaseId>,
}

/// How many probes go at once, and how long each keeps its slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probing {
    pub(crate) slots: u32,
    pub(crate) lease_ms: u64,
}

/// A change of mode that this caller, and nobody else, made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a change must be published"]
pub(crate) struct Change {
    pub(crate) from: Word,
    pub(crate) to: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    Admitted(Ticket, Option<Change>),
    Refused(Word),
}

/// What a result did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It belongs to an earlier generation: nothing.
    Stale,
    /// It was counted, and the mode is the same.
    Counted,
    /// It changed the mode.
    Changed(Change),
}

impl Circuit {
    pub(crate) fn new() -> Self {
        Self::at(Word::new(Mode::Closed, 0, 0))
    }

    pub(crate) fn at(word: Word) -> Self {
        Circuit { word: AtomicU64::new(word.0), recovery: Mutex::new(Recovery::default()) }
    }

    #[inline]
    pub(crate) fn word(&self) -> Word {
        Word(self.word.load(Acquire))
    }

    /// The state that would refuse a call now, or `None`. The clock is only asked when the circuit is not closed.
    #[inline]
    pub(crate) fn refusal(&self, now: impl FnOnce() -> u64) -> Option<Word> {
        let word = self.word();
        (word.mode() != Mode::Closed && now() < word.payload()).then_some(word)
    }

    /// Lets a call through if the circuit is closed: then there is nothing to ask, and nothing to write.
    #[inline]
    pub(crate) fn closed(&self) -> Option<Ticket> {
        closed(self.word())
    }

    /// Lets a call through or refuses it.
    pub(crate) fn admit(&self, now: impl FnOnce() -> u64, probing: impl FnOnce() -> Probing) -> Admission {
        let word = self.word();
        if let Some(ticket) = closed(word) {
            return Admission::Admitted(ticket, None);
        }
        let now = now();
        if now < word.payload() {
            return Admission::Refused(word);
        }
        self.admit_probe(now, probing())
    }

    fn admit_probe(&self, now: u64, probing: Probing) -> Admission {
        let mut recovery = self.lock();
        // Somebody else may have been here between the look and the lock.
        let word = self.word();
        if word.mode() != Mode::Closed && now < word.payload() {
            return Admission::Refused(word);
        }
        let to = match word.mode() {
            Mode::Closed | Mode::Forced => return Admission::Admitted(ticket(word), None),
            Mode::Open => {
                recovery.passed = 0;
                recovery.leases.clear();
                word.next(Mode::HalfOpen, 0)
            }
            Mode::HalfOpen => word,
        };
        let lease = recovery.leases.take(probing.slots, now, now.saturating_add(probing.lease_ms));
        let to = to.with_payload(recovery.leases.free_at(probing.slots));
        self.store(to);
        match lease {
            None => Admission::Refused(to),
            Some(_) => Admission::Admitted(
                Ticket { generation: to.generation(), lease },
                (to.mode() != word.mode()).then_some(Change { from: word, to }),
            ),
        }
    }

    /// Whether the circuit is as it was when it let this call through, with no failure to forget: then a success has
    /// nothing to write.
    #[inline]
    pub(crate) fn is_unharmed(&self, ticket: Ticket) -> bool {
        self.word() == Word::new(Mode::Closed, ticket.generation, 0)
    }

    /// The call was good. So many probes in all close a half-open circuit.
    pub(crate) fn success(&self, ticket: Ticket, slots: u32) -> Effect {
        let mut word = self.word();
        while word.is(Mode::Closed, ticket.generation) {
            if word.payload() == 0 {
                return Effect::Counted;
            }
            match self.swap(word, word.with_payload(0)) {
                Ok(()) => return Effect::Counted,
                Err(now) => word = now,
            }
        }
        let Some(lease) = ticket.lease else { return Effect::Stale };
        let mut recovery = self.lock();
        let word = self.word();
        if !word.is(Mode::HalfOpen, ticket.generation) {
            return Effect::Stale;
        }
        recovery.leases.give_back(lease);
        recovery.passed += 1;
        if recovery.passed < slots {
            self.store(word.with_payload(recovery.leases.free_at(slots)));
            return Effect::Counted;
        }
        recovery.reopened = 0;
        recovery.leases.clear();
        self.change(word, word.next(Mode::Closed, 0))
    }

    /// The call failed. `threshold` failures in a row open a closed circuit, one opens a half-open one.
    ///
    /// `until` gets how often in a row the circuit has gone back to open, and says until when it stays so.
    pub(crate) fn failure(
        &self,
        generation: u32,
        threshold: Option<u32>,
        until: impl FnOnce(u32) -> u64,
    ) -> Effect {
        let mut word = self.word();
        if word.is(Mode::HalfOpen, generation) {
            return self.reopen(generation, until);
        }
        let mut until = Some(until);
        let mut open_until = None;
        loop {
            if !word.is(Mode::Closed, generation) {
                return Effect::Stale;
            }
            let Some(threshold) = threshold else { return Effect::Counted };
            let failures = word.payload() + 1;
            let next = if failures < u64::from(threshold) {
                word.with_payload(failures)
            } else {
                let until = *open_until.get_or_insert_with(|| until.take().map_or(0, |until| until(0)));
                word.next(Mode::Open, until)
            };
            match self.swap(word, next) {
                Ok(()) if next.mode() == Mode::Open => {
                    return Effect::Changed(Change { from: word, to: next });
                }
                Ok(()) => return Effect::Counted,
                Err(now) => word = now,
            }
        }
    }

    /// Opens the circuit whatever its count of failures, unless the generation is over.
    pub(crate) fn trip(&self, generation: u32, until: impl FnOnce(u32) -> u64) -> Effect {
        if self.word().is(Mode::HalfOpen, generation) {
            return self.reopen(generation, until);
        }
        self.failure(generation, Some(0), until)
    }

    fn reopen(&self, generation: u32, until: impl FnOnce(u32) -> u64) -> Effect {
        let mut recovery = self.lock();
        let word = self.word();
        if !word.is(Mode::HalfOpen, generation) {
            return Effect::Stale;
        }
        recovery.reopened = recovery.reopened.saturating_add(1);
        recovery.leases.clear();
        self.change(word, word.next(Mode::Open, until(recovery.reopened)))
    }

    /// The call says nothing about the target: a probe's slot goes to the next one.
    pub(crate) fn release(&self, ticket: Ticket, slots: impl FnOnce() -> u32) {
        let Some(lease) = ticket.lease else { return };
        let slots = slots();
        let mut recovery = self.lock();
        let word = self.word();
        if word.is(Mode::HalfOpen, ticket.generation) {
            recovery.leases.give_back(lease);
            self.store(word.with_payload(recovery.leases.free_at(slots)));
        }
    }

    /// An operator's word: whatever the mode is, it becomes this one, in a new generation.
    pub(crate) fn set(&self, mode: Mode, payload: u64) -> Change {
        let mut recovery = self.lock();
        *recovery = Recovery::default();
        let mut word = self.word();
        loop {
            let to = word.next(mode, payload);
            match self.swap(word, to) {
                Ok(()) => return Change { from: word, to },
                Err(now) => word = now,
            }
        }
    }

    /// The numbers have changed: if the circuit is closed, nothing counted so far matters; if it is half-open, there
    /// may be more slots, or fewer.
    pub(crate) fn renew(&self, slots: u32) {
        let recovery = self.lock();
        let mut word = self.word();
        if word.mode() == Mode::HalfOpen {
            self.store(word.with_payload(recovery.leases.free_at(slots)));
        }
        while word.mode() == Mode::Closed {
            match self.swap(word, word.next(Mode::Closed, 0)) {
                Ok(()) => return,
                Err(now) => word = now,
            }
        }
    }

    /// Probes on their way, and probes that succeeded.
    pub(crate) fn probes(&self) -> (u32, u32) {
        let recovery = self.lock();
        if self.word().mode() == Mode::HalfOpen {
            (recovery.leases.len() as u32, recovery.passed)
        } else {
            (0, 0)
        }
    }

    fn lock(&self) -> MutexGuard<'_, Recovery> {
        lock(&self.recovery)
    }

    /// Only under the lock, and only out of a mode that is never left without it.
    fn store(&self, word: Word) {
        self.word.store(word.0, Release);
    }

    fn change(&self, from: Word, to: Word) -> Effect {
        self.store(to);
        Effect::Changed(Change { from, to })
    }

    fn swap(&self, from: Word, to: Word) -> Result<(), Word> {
        self.word.compare_exchange(from.0, to.0, AcqRel, Acquire).map(drop).map_err(Word)
    }
}

#[inline]
fn closed(word: Word) -> Option<Ticket> {
    (word.mode() == Mode::Closed).then(|| ticket(word))
}

#[inline]
fn ticket(word: Word) -> Ticket {
    Ticket { generation: word.generation(), lease: None }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;

    const PROBING: Probing = Probing { slots: 1, lease_ms: 10 };

    #[test]
    fn a_circuit_that_opened_between_the_look_and_the_lock_refuses_and_one_that_closed_admits() {
        let open = Circuit::at(Word::new(Mode::Open, 1, 100));
        assert!(matches!(open.admit_probe(50, PROBING), Admission::Refused(_)));
        // Its payload is a count of failures, and no time.
        let closed = Circuit::at(Word::new(Mode::Closed, 1, 100));
        assert!(matches!(closed.admit_probe(50, PROBING), Admission::Admitted(_, None)));
    }
}
