//! What a 429 does.

use super::{Nanos, SECOND};

/// A 429 without a hint blocks for this long; each further one doubles it.
const FIRST: Nanos = SECOND;
/// The longest block without a hint.
const LONGEST: Nanos = 30 * SECOND;
/// So many 429s within [`STORM_WITHIN`] are a storm.
const STORM: usize = 5;
const STORM_WITHIN: Nanos = 10 * SECOND;

/// Nothing passes for a while.
#[derive(Debug, Default)]
pub(crate) struct Block {
    until: Option<Nanos>,
    /// How long the last block without a hint was.
    unhinted: Nanos,
    /// When the last 429 came.
    last: Option<Nanos>,
    /// When the last few came, oldest first.
    recent: [Option<Nanos>; STORM],
}

impl Block {
    #[inline]
    pub(crate) fn holds_until(&self, now: Nanos) -> Option<Nanos> {
        self.until.filter(|until| *until > now)
    }

    /// A call that was let through at `sent` was refused. Returns for how long to block, and whether this is a storm.
    pub(crate) fn refused(&mut self, now: Nanos, sent: Nanos, hint: Option<Nanos>) -> (Nanos, bool) {
        let block = hint.unwrap_or_else(|| {
            // Calls of one burst are refused together: only one that was sent after the last 429 says that the block was
            // too short.
            if self.unhinted == 0 || self.last.is_none_or(|last| sent >= last) {
                self.unhinted = (2 * self.unhinted).clamp(FIRST, LONGEST);
            }
            self.unhinted
        });
        self.last = Some(now);
        let until = now.saturating_add(block);
        self.until = Some(self.until.map_or(until, |known| known.max(until)));
        self.recent.rotate_left(1);
        self.recent[STORM - 1] = Some(now);
        let storm = self.recent[0].is_some_and(|oldest| now - oldest <= STORM_WITHIN);
        if storm {
            self.recent = Default::default();
        }
        (block, storm)
    }

    /// The upstream lets calls in again.
    #[inline]
    pub(crate) fn answered(&mut self) {
        // What is not written need not be fetched from the other thread that looks at it.
        if self.unhinted != 0 {
            self.unhinted = 0;
        }
    }
}
