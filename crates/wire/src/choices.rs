//! The choices of a stream that were seen, and those that are done.

/// A bit for each choice.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Choices {
    seen: u128,
    finished: u128,
}

impl Choices {
    /// A choice was seen; without an index it is the first. OpenAI allows 128; more share the last bit.
    pub(crate) fn see(&mut self, index: Option<u64>, finished: bool) {
        let bit = 1 << index.unwrap_or(0).min(127);
        self.seen |= bit;
        if finished {
            self.finished |= bit;
        }
    }

    /// Those that were seen elsewhere, too.
    pub(crate) fn add(&mut self, other: Choices) {
        self.seen |= other.seen;
        self.finished |= other.finished;
    }

    /// Whether every choice that was seen is done.
    pub(crate) fn finished(&self) -> bool {
        self.seen != 0 && self.seen == self.finished
    }
}
