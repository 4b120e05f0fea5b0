//! What goes wrong with provider A.

use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(super) enum Fault {
    None,
    /// What is sent is never heard of again.
    BlackHole,
    /// Every attempt fails at once.
    Refuses,
    /// Everything takes ten times as long.
    Brownout,
    #[serde(rename = "errors_30")]
    #[value(name = "errors_30")]
    Errors30,
    /// A token bucket that is far too small.
    #[serde(rename = "storm_429")]
    #[value(name = "storm_429")]
    Storm429,
    SlowFirstToken,
    /// Answers that break off.
    Cut,
    /// `Refuses`, on and off.
    Flapping,
}

const FLAP_S: u64 = 20;

impl Fault {
    /// Whether an attempt that is sent so long after the fault began is refused, if these are its dice.
    pub(super) fn refuses(self, since: Duration, dice: f64) -> Option<Duration> {
        match self {
            Fault::Refuses => Some(AT_ONCE),
            Fault::Flapping if (since.as_secs() / FLAP_S).is_multiple_of(2) => Some(AT_ONCE),
            Fault::Errors30 if dice < 0.3 => Some(Duration::from_millis(300)),
            _ => None,
        }
    }

    /// How many times longer first token and decode take.
    pub(super) fn factor(self) -> f64 {
        if self == Fault::Brownout { 10.0 } else { 1.0 }
    }

    /// What comes on top until the first token, in seconds.
    pub(super) fn delay_s(self, dice: f64) -> f64 {
        if self == Fault::SlowFirstToken && dice < 0.2 { 40.0 } else { 0.0 }
    }

    /// After how many of its tokens an answer breaks off. `share` is uniform.
    pub(super) fn cuts(self, output: u64, dice: f64, share: f64) -> Option<u64> {
        (self == Fault::Cut && dice < 0.2).then_some((share * output as f64) as u64)
    }
}

const AT_ONCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flapping_is_off_for_20_s_and_on_for_20_s() {
        let refused = |secs| Fault::Flapping.refuses(Duration::from_secs(secs), 0.9).is_some();
        assert_eq!([0, 19, 20, 39, 40].map(refused), [true, true, false, false, true]);
    }

    #[test]
    fn a_fault_does_one_thing() {
        let what = |fault: Fault| {
            let refuses = fault.refuses(Duration::ZERO, 0.1).is_some();
            (refuses, fault.factor() > 1.0, fault.delay_s(0.1) > 0.0, fault.cuts(10, 0.1, 0.5).is_some())
        };
        for fault in Fault::value_variants() {
            let expected = match fault {
                Fault::Refuses | Fault::Flapping | Fault::Errors30 => (true, false, false, false),
                Fault::Brownout => (false, true, false, false),
                Fault::SlowFirstToken => (false, false, true, false),
                Fault::Cut => (false, false, false, true),
                Fault::None | Fault::BlackHole | Fault::Storm429 => (false, false, false, false),
            };
            assert_eq!(what(*fault), expected, "{fault:?}");
        }
    }
}
