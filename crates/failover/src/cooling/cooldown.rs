//! A cooling in one word: when it ends, and why it began.
//!
//! The end, in milliseconds since the cooler was made, lies above the kind's place in [`Kind::ALL`]. So the later end
//! is the larger word, and zero is "in service".

use std::time::Duration;

use buttress_call::Kind;

const KIND_BITS: u32 = 8;

/// Why a target is passed over, and for how much longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cooldown {
    /// The kind of the failure that took it out of service.
    pub kind: Kind,
    /// The time left. Zero: it waits for its probe to succeed.
    pub remaining: Duration,
}

impl Cooldown {
    pub(super) fn of(word: u64, now: u64) -> Option<Cooldown> {
        let kind = kind_of(word)?;
        let remaining = (word >> KIND_BITS).checked_sub(now).filter(|left| *left > 0)?;
        Some(Cooldown { kind, remaining: Duration::from_millis(remaining) })
    }
}

pub(super) fn word(end: u64, kind: Kind) -> u64 {
    let place = Kind::ALL.iter().position(|known| *known == kind).unwrap_or_default() as u64;
    end.min(u64::MAX >> KIND_BITS) << KIND_BITS | place
}

/// None for the word of a target in service.
pub(super) fn kind_of(word: u64) -> Option<Kind> {
    if word == 0 { None } else { Kind::ALL.get((word & ((1 << KIND_BITS) - 1)) as usize).copied() }
}
