//! The circuit's state in 64 bits: mode 2 | generation 22 | payload 40.

const PAYLOAD_BITS: u32 = 40;
const GENERATION_BITS: u32 = 22;
const PAYLOAD_MASK: u64 = (1 << PAYLOAD_BITS) - 1;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;

/// What the payload means depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Payload: failures in a row.
    Closed = 0,
    /// Payload: the time in ms before which nobody passes.
    Open = 1,
    /// Payload: the time in ms before which no probe passes, zero while a slot is free.
    HalfOpen = 2,
    /// Set by an operator. Payload: zero lets everybody pass, [`Word::NEVER`] nobody.
    Forced = 3,
}

/// One state. In every mode but `Closed` the payload is a time before which nobody passes, so one comparison decides.
///
/// Every change of mode takes the next generation. Generations are compared for equality only, so they may wrap: that
/// takes four million changes, and a result that is mistaken for a newer one would have to be exactly as many old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word(pub(crate) u64);

impl Word {
    /// A time that never comes: 2^40 ms are 34 years.
    pub(crate) const NEVER: u64 = PAYLOAD_MASK;

    pub(crate) const fn new(mode: Mode, generation: u32, payload: u64) -> Self {
        let payload = if payload < Self::NEVER { payload } else { Self::NEVER };
        let generation = generation as u64 & GENERATION_MASK;
        Word(((mode as u64) << (PAYLOAD_BITS + GENERATION_BITS)) | (generation << PAYLOAD_BITS) | payload)
    }

    /// The same generation with another payload.
    pub(crate) const fn with_payload(self, payload: u64) -> Self {
        Word::new(self.mode(), self.generation(), payload)
    }

    /// The next generation.
    pub(crate) const fn next(self, mode: Mode, payload: u64) -> Self {
        Word::new(mode, self.generation().wrapping_add(1), payload)
    }

    #[inline]
    pub(crate) const fn mode(self) -> Mode {
        match self.0 >> (PAYLOAD_BITS + GENERATION_BITS) {
            0 => Mode::Closed,
            1 => Mode::Open,
            2 => Mode::HalfOpen,
            _ => Mode::Forced,
        }
    }

    #[inline]
    pub(crate) const fn generation(self) -> u32 {
        ((self.0 >> PAYLOAD_BITS) & GENERATION_MASK) as u32
    }

    #[inline]
    pub(crate) const fn payload(self) -> u64 {
        self.0 & PAYLOAD_MASK
    }

    pub(crate) fn is(self, mode: Mode, generation: u32) -> bool {
        self.mode() == mode && self.generation() == generation
    }

    /// Whether this state came after `other`, as far as 22 bits can tell.
    pub(crate) const fn is_newer_than(self, other: Word) -> bool {
        let ahead = self.generation().wrapping_sub(other.generation()) as u64 & GENERATION_MASK;
        ahead != 0 && ahead <= GENERATION_MASK / 2
    }
}

#[cfg(test)]
#[cfg(not(buttress_loom))]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for mode in [Mode::Closed, Mode::Open, Mode::HalfOpen, Mode::Forced] {
            for generation in [0, 1, 0x2A_AAAA, (1 << GENERATION_BITS) - 1] {
                for payload in [0, 1, 1 << 39, Word::NEVER] {
                    let word = Word::new(mode, generation, payload);
                    assert_eq!((word.mode(), word.generation(), word.payload()), (mode, generation, payload));
                }
            }
        }
    }

    #[test]
    fn neither_a_wrapping_generation_nor_a_huge_time_spills_into_its_neighbour() {
        let last = Word::new(Mode::Open, (1 << GENERATION_BITS) - 1, u64::MAX);
        assert_eq!(last.payload(), Word::NEVER);
        let next = last.next(Mode::Closed, 0);
        assert_eq!((next.mode(), next.generation(), next.payload()), (Mode::Closed, 0, 0));
        assert!(next.is_newer_than(last) && !last.is_newer_than(next) && !next.is_newer_than(next));
    }
}
