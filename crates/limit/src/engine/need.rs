//! What a call needs, holds and costs.

use buttress_call::OutputCharge;

use super::{Nanos, SECOND};

/// No estimate, cap or usage counts as more than this, about 10^15 tokens: sums of them then fit.
const MOST: u64 = 1 << 50;

/// What a call needs of the token limits before it may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) charged: OutputCharge,
}

impl Need {
    pub(crate) const NONE: Need = Need { input: 0, output: 0, charged: OutputCharge::Free };

    #[inline]
    pub(crate) fn new(input: u64, output: u64, charged: OutputCharge) -> Self {
        Need { input: input.min(MOST), output: output.min(MOST), charged }
    }

    /// Whether the upstream takes the output at admission.
    pub(crate) fn reserved(&self) -> bool {
        matches!(self.charged, OutputCharge::ReservedAndSettled | OutputCharge::ReservedAndKept)
    }
}

/// A call that was let through. Whoever holds it settles it, once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    pub(crate) need: Need,
    /// When it was let through, or sent if that was later.
    pub(crate) at: Nanos,
    /// When its request was counted.
    pub(crate) counted: Nanos,
    /// Whether the upstream is known to have charged what it charges at admission.
    pub(crate) answered: bool,
    /// Its part in each token limit.
    pub(crate) parts: [Part; 3],
}

/// A call's part in one token limit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Part {
    /// Which of the limits that have stood in this place it is; zero for none.
    pub(crate) era: u32,
    /// The level when the call was let through, less all that had flowed in by then: see `Meter::give_back`.
    pub(crate) mark: f64,
}

impl Ticket {
    pub(crate) fn new(at: Nanos, need: Need) -> Self {
        Ticket { need, at, counted: at, answered: false, parts: [Part::default(); 3] }
    }

    /// The second in which its input was held.
    pub(crate) fn slot(&self) -> u64 {
        self.at / SECOND
    }
}

/// What a call that is over has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Whether it reached the upstream. One that did not gives its request back, too.
    pub(crate) sent: bool,
    /// Whether it was answered well: then the upstream lets calls in.
    pub(crate) answered: bool,
}

impl Charge {
    /// A call that never reached the upstream.
    pub(crate) const UNSENT: Charge = Charge { input: 0, output: 0, sent: false, answered: false };
    /// A call that reached the upstream and cost no tokens.
    pub(crate) const FREE: Charge = Charge { sent: true, ..Charge::UNSENT };

    pub(crate) fn tokens(input: u64, output: u64) -> Self {
        Charge { input: input.min(MOST), output: output.min(MOST), sent: true, answered: false }
    }

    /// A good call of which nobody counted anything: it has cost what was held for it.
    #[inline]
    pub(crate) fn all_of(need: &Need) -> Self {
        Charge { input: need.input, output: need.output, sent: true, answered: true }
    }

    /// What the provider charges for it, given what it held.
    #[inline]
    pub(crate) fn of(&self, need: &Need) -> (u64, u64) {
        let output = match need.charged {
            OutputCharge::Free => 0,
            // Not returned: unless it cost nothing at all.
            OutputCharge::ReservedAndKept if self.input > 0 => self.output.max(need.output),
            _ => self.output,
        };
        (self.input, output)
    }
}
