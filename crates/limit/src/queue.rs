//! Who waits, and whose turn it is.

use std::{
    collections::BTreeMap,
    task::{Context, Waker},
};

use buttress_call::Priority;

use crate::engine::{Nanos, Need};

/// Every tenth turn goes to the lowest class that waits, so that none starves.
const LOWEST_EVERY: u64 = 10;
const CLASSES: usize = 3;

/// First come, first served within each class of priority.
///
/// A place is a number; whoever holds one leaves by it at any time. Nobody is handed anything: the head is woken, looks
/// for itself, and takes its turn or not. So a head that is dropped, woken or not, has nothing to pass on but the word
/// that another is the head by now.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    classes: [BTreeMap<u64, Waiter>; CLASSES],
    len: usize,
    next: u64,
    turns: u64,
    /// What the waiters of each class need, and how many they are.
    sums: [Sum; CLASSES],
}

#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) need: Need,
    pub(crate) since: Nanos,
    waker: Option<Waker>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) calls: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
}

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    class: usize,
    number: u64,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) fn join(&mut self, priority: Priority, need: Need, since: Nanos) -> Place {
        let place = Place { class: class(priority), number: self.next };
        self.next += 1;
        self.len += 1;
        self.classes[place.class].insert(place.number, Waiter { need, since, waker: None });
        let sum = &mut self.sums[place.class];
        sum.calls += 1;
        sum.input += need.input;
        sum.output += need.output;
        place
    }

    /// Leaves the queue; with a turn taken or without.
    pub(crate) fn leave(&mut self, place: Place, served: bool) {
        if let Some(waiter) = self.classes[place.class].remove(&place.number) {
            self.len -= 1;
            let sum = &mut self.sums[place.class];
            sum.calls -= 1;
            sum.input -= waiter.need.input;
            sum.output -= waiter.need.output;
            self.turns += u64::from(served);
        }
    }

    pub(crate) fn get(&self, place: Place) -> Option<&Waiter> {
        self.classes[place.class].get(&place.number)
    }

    pub(crate) fn is_head(&self, place: Place) -> bool {
        self.head_class() == Some(place.class)
            && self.classes[place.class].first_key_value().is_some_and(|(first, _)| *first == place.number)
    }

    /// Wakes this task when it may be its turn.
    pub(crate) fn listen(&mut self, place: Place, cx: &Context<'_>) {
        if let Some(waiter) = self.classes[place.class].get_mut(&place.number) {
            match &mut waiter.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                empty => *empty = Some(cx.waker().clone()),
            }
        }
    }

    /// Whom to wake, once the lock is gone.
    #[inline]
    pub(crate) fn head(&self) -> Option<Waker> {
        if self.is_empty() {
            return None;
        }
        let (_, waiter) = self.classes[self.head_class()?].first_key_value()?;
        waiter.waker.clone()
    }

    /// What those need who are served before a newcomer of this class.
    pub(crate) fn ahead_of(&self, priority: Priority) -> Sum {
        let ahead = self.sums[class(priority)..].iter();
        ahead.fold(Sum::default(), |all, sum| Sum {
            calls: all.calls + sum.calls,
            input: all.input + sum.input,
            output: all.output + sum.output,
        })
    }

    fn head_class(&self) -> Option<usize> {
        let mut waiting = (0..CLASSES).filter(|class| !self.classes[*class].is_empty());
        if self.turns % LOWEST_EVERY == LOWEST_EVERY - 1 { waiting.next() } else { waiting.next_back() }
    }
}

fn class(priority: Priority) -> usize {
    match priority {
        Priority::Low => 0,
        Priority::High => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use buttress_call::OutputCharge;

    use super::*;

    fn need(input: u64, output: u64) -> Need {
        Need::new(input, output, OutputCharge::AsStreamed)
    }

    #[test]
    fn classes_pass_in_their_order() {
        let mut queue = Queue::default();
        let places =
            [Priority::Low, Priority::Normal, Priority::High].map(|class| queue.join(class, Need::NONE, 0));
        for place in places.iter().rev() {
            assert!(queue.is_head(*place));
            queue.leave(*place, false);
        }
        assert!(queue.is_empty());
    }

    #[test]
    fn what_is_ahead_is_all_of_the_same_class_and_of_higher_ones_that_have_not_left() {
        let mut queue = Queue::default();
        let gone = queue.join(Priority::Low, need(7, 7), 0);
        for (class, size) in
            [(Priority::Low, 1), (Priority::Normal, 20), (Priority::High, 300), (Priority::High, 300)]
        {
            queue.join(class, need(size, 2 * size), 0);
        }
        queue.leave(gone, true);
        let ahead = [Priority::Low, Priority::Normal, Priority::High].map(|class| {
            let Sum { calls, input, output } = queue.ahead_of(class);
            (calls, input, output)
        });
        assert_eq!(ahead, [(4, 621, 1_242), (3, 620, 1_240), (2, 600, 1_200)]);
    }
}
