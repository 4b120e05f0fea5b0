//! The strict window: whatever was charged in the last minute, remembered.

use super::{Nanos, SECOND};

/// The window.
const WINDOW: Nanos = 60 * SECOND;
/// Charges are remembered by the half second: 1 KiB a limit, whatever passes through it.
const CELL: Nanos = SECOND / 2;
/// One more than fit in the window, so that a charge is forgotten only when all of its cell is older than that: at most
/// half a second late, never early.
const CELLS: u64 = WINDOW / CELL + 1;

/// Charges by half seconds.
#[derive(Debug)]
pub(crate) struct Log {
    cells: Box<[u64]>,
    total: u64,
    /// The youngest cell.
    cell: u64,
}

impl Log {
    pub(crate) fn new(now: Nanos) -> Self {
        Log { cells: vec![0; CELLS as usize].into(), total: 0, cell: now / CELL }
    }

    pub(crate) fn advance(&mut self, now: Nanos) {
        let cell = now / CELL;
        if cell <= self.cell {
            return;
        }
        for passed in 1..=(cell - self.cell).min(CELLS) {
            self.total -= std::mem::take(&mut self.cells[index(self.cell + passed)]);
        }
        self.cell = cell;
    }

    /// What was charged within the window.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn add(&mut self, tokens: u64) {
        self.cells[index(self.cell)] += tokens;
        self.total += tokens;
    }

    /// Takes back what was added at that time; nothing if it is forgotten already.
    pub(crate) fn remove(&mut self, at: Nanos, tokens: u64) {
        let cell = at / CELL;
        if cell + CELLS > self.cell {
            let held = &mut self.cells[index(cell)];
            let tokens = tokens.min(*held);
            *held -= tokens;
            self.total -= tokens;
        }
    }

    /// When so many will have been forgotten.
    pub(crate) fn until_forgotten(&self, tokens: u64) -> Nanos {
        let oldest = (self.cell + 1).saturating_sub(CELLS);
        let mut gone = 0;
        for cell in oldest..=self.cell {
            gone += self.cells[index(cell)];
            if gone >= tokens {
                return (cell + CELLS) * CELL;
            }
        }
        (self.cell + CELLS) * CELL
    }
}

fn index(cell: u64) -> usize {
    (cell % CELLS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_is_forgotten_after_all_of_the_window_and_at_most_half_a_second_late() {
        for used in [0, 1, CELL - 1].map(|offset| 7 * SECOND + offset) {
            // Begun long before, and with that very charge.
            for begun in [0, used] {
                let mut log = Log::new(begun);
                log.advance(used);
                log.add(5);
                log.advance(used + WINDOW - 1);
                assert_eq!(log.total(), 5);
                let gone = log.until_forgotten(5);
                assert!(gone <= used + WINDOW + CELL);
                log.advance(gone - 1);
                assert_eq!(log.total(), 5);
                log.advance(gone);
                assert_eq!(log.total(), 0);
            }
        }
    }

    #[test]
    fn what_is_forgotten_cannot_be_taken_back() {
        let mut log = Log::new(0);
        log.add(5);
        log.advance(61 * SECOND);
        log.add(3);
        log.remove(0, 5);
        assert_eq!(log.total(), 3);
    }
}
