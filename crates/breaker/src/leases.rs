//! The slots of half-open.

use std::num::NonZeroU32;

/// The probes on their way, each with the time at which it loses its slot.
///
/// A slot is leased, not owned: a probe that hangs for ever would otherwise keep the circuit half-open for ever.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    taken: Vec<Lease>,
    last: Option<LeaseId>,
}

#[derive(Debug)]
struct Lease {
    id: LeaseId,
    until: u64,
}

/// Tells one lease from a later one of the same slot. Never zero, so that a ticket without one is as small as one with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseId(NonZeroU32);

impl Leases {
    pub(crate) fn clear(&mut self) {
        self.taken.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.taken.len()
    }

    /// Takes one of `slots` slots, if one is free or its lease has ended.
    pub(crate) fn take(&mut self, slots: u32, now: u64, until: u64) -> Option<LeaseId> {
        self.taken.retain(|lease| now < lease.until);
        if self.taken.len() >= slots as usize {
            return None;
        }
        let next = self.last.and_then(|LeaseId(last)| last.checked_add(1));
        let id = *self.last.insert(LeaseId(next.unwrap_or(NonZeroU32::MIN)));
        self.taken.push(Lease { id, until });
        Some(id)
    }

    /// Gives a slot back. A lease that was lost meanwhile has none to give.
    pub(crate) fn give_back(&mut self, id: LeaseId) {
        self.taken.retain(|lease| lease.id != id);
    }

    /// When the next probe may pass: zero if a slot is free.
    pub(crate) fn free_at(&self, slots: u32) -> u64 {
        if self.taken.len() < slots as usize {
            return 0;
        }
        self.taken.iter().map(|lease| lease.until).min().unwrap_or(0)
    }
}
