//! The slots of half-open.

/// The probes on their way, each with the time at which it loses its slot.
///
/// A slot is leased, not owned: a probe that hangs for ever would otherwise keep the circuit half-open for ever.
#[derive(Debug, Default)]
pub(crate) struct Leases {
    taken: Vec<Lease>,
    last: u32,
}

#[derive(Debug)]
struct Lease {
    id: LeaseId,
    until: u64,
}

/// Tells one lease from a later one of the same slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseId(u32);

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
        self.last = self.last.wrapping_add(1);
        let id = LeaseId(self.last);
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
