//! The calls that were let through, until they are settled.

use crate::engine::Ticket;

/// Each call's ticket, in a place of its own.
///
/// A ticket is large, and a call's future moves often before it is polled: it carries only the number of its place. There
/// are as many places as there were calls at once.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    tickets: Vec<Ticket>,
    free: Vec<u32>,
}

/// A call's place. Not `Clone`, so that it is settled once.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a call that is not settled is in flight for ever"]
pub(crate) struct Held(u32);

impl Calls {
    #[inline]
    pub(crate) fn keep(&mut self, ticket: Ticket) -> Held {
        if let Some(place) = self.free.pop() {
            self.tickets[place as usize] = ticket;
            return Held(place);
        }
        self.tickets.push(ticket);
        Held(self.tickets.len() as u32 - 1)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, held: &Held) -> &mut Ticket {
        &mut self.tickets[held.0 as usize]
    }

    /// The call is over: another one may have its place.
    #[inline]
    pub(crate) fn take(&mut self, Held(place): Held) -> &Ticket {
        self.free.push(place);
        &self.tickets[place as usize]
    }
}
