//! The calls that were let through, until they are settled.

use crate::{ended::bit, engine::Ticket};

/// Each call's ticket, in a place of its own.
///
/// A ticket is large, and a call's future moves often before it is polled: it carries only the number of its place. There
/// are as many places as there were calls at once.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    slots: Vec<Slot>,
    /// The place that was left last: it is the next to be taken.
    free: Option<u32>,
    /// The bits of [`Ended`](crate::ended::Ended) as they were when it was last looked at.
    seen: u64,
}

#[derive(Debug)]
struct Slot {
    ticket: Ticket,
    /// Of a free place: the one that was left before it.
    free: Option<u32>,
}

/// A call's place. Not `Clone`, so that it is settled once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a call that is not settled is in flight for ever"]
pub(crate) struct Held {
    pub(crate) place: u32,
    /// Whether its bit is set now, to be cleared when it ends.
    pub(crate) turned: bool,
}

impl Calls {
    #[inline]
    pub(crate) fn keep(&mut self, ticket: Ticket) -> Held {
        if let Some(place) = self.free {
            let taken = &mut self.slots[place as usize];
            self.free = taken.free;
            taken.ticket = ticket;
            return self.held(place);
        }
        self.slots.push(Slot { ticket, free: None });
        self.held(self.slots.len() as u32 - 1)
    }

    #[inline]
    fn held(&self, place: u32) -> Held {
        Held { place, turned: bit(place).is_some_and(|bit| self.seen & bit != 0) }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, held: &Held) -> &mut Ticket {
        &mut self.slots[held.place as usize].ticket
    }

    /// The call is over: another one may have its place.
    #[inline]
    pub(crate) fn take(&mut self, Held { place, .. }: Held) -> &Ticket {
        self.leave(place)
    }

    /// One of the calls that have ended by themselves, as the bits say.
    #[inline]
    pub(crate) fn next_ended(&mut self, bits: u64) -> Option<&Ticket> {
        let ended = bits ^ self.seen;
        if ended == 0 {
            return None;
        }
        let place = ended.trailing_zeros();
        self.seen ^= 1 << place;
        Some(self.leave(place))
    }

    #[inline]
    fn leave(&mut self, place: u32) -> &Ticket {
        let left = &mut self.slots[place as usize];
        left.free = self.free.replace(place);
        &left.ticket
    }
}
