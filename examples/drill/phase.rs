//! What goes wrong with provider A, phase by phase.

use std::time::Duration;

use buttress_sim::{Fault, Rule};

/// A phase of the drill. Its fault stays until its last call has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Healthy,
    BlackHole,
    Refuses,
    Errors30,
    Storm429,
    SlowFirstToken,
    FirstEventError,
    Flapping,
    Recovery,
}

impl Phase {
    pub(crate) const ALL: [Phase; 9] = [
        Phase::Healthy,
        Phase::BlackHole,
        Phase::Refuses,
        Phase::Errors30,
        Phase::Storm429,
        Phase::SlowFirstToken,
        Phase::FirstEventError,
        Phase::Flapping,
        Phase::Recovery,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Phase::Healthy => "healthy",
            Phase::BlackHole => "black_hole",
            Phase::Refuses => "refuses",
            Phase::Errors30 => "errors_30",
            Phase::Storm429 => "storm_429",
            Phase::SlowFirstToken => "slow_first_token",
            Phase::FirstEventError => "first_event_error",
            Phase::Flapping => "flapping",
            Phase::Recovery => "recovery",
        }
    }

    /// What the reader should know of it.
    pub(crate) fn story(self) -> &'static str {
        match self {
            Phase::Healthy => "nothing is wrong",
            Phase::BlackHole => "A takes requests and never answers",
            Phase::Refuses => "A answers 503 at once",
            Phase::Errors30 => "A answers 500 to 30 % of the calls",
            Phase::Storm429 => "A answers 429 to 80 % of the calls, with retry-after: 1",
            Phase::SlowFirstToken => "A takes 5 s longer to the first token of 30 % of the calls",
            Phase::FirstEventError => "A answers 200, then an error event, to 60 % of the calls",
            Phase::Flapping => "A answers 503 for a second, works for a second, and so on",
            Phase::Recovery => "A is well again",
        }
    }

    pub(crate) fn rule(self) -> Option<Rule> {
        let second = Duration::from_secs(1);
        Some(match self {
            Phase::Healthy | Phase::Recovery => return None,
            Phase::BlackHole => Rule::always(Fault::BlackHole),
            Phase::Refuses => Rule::always(Fault::Refuse),
            Phase::Errors30 => Rule::always(Fault::Status(500)).share(0.3),
            Phase::Storm429 => Rule::always(Fault::RateLimit { retry_after: Some(second) }).share(0.8),
            Phase::SlowFirstToken => Rule::always(Fault::SlowFirstToken(5 * second)).share(0.3),
            Phase::FirstEventError => Rule::always(Fault::ErrorEvent { after: 0 }).share(0.6),
            Phase::Flapping => Rule::always(Fault::Refuse).flapping(second, second),
        })
    }
}
