//! What the caller hears when no target served.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use buttress_call::{BoxError, Failure, Kind};

use crate::{Cooldown, Lack};

/// No target served the call: every one of them, and why.
///
/// It is the [`source`](StdError::source) of the [`Error`](buttress_call::Error) that the caller gets, whose kind and
/// hint are those of the first target whose *upstream* failed: what was merely refused on this side says less. That
/// target's error is the source of this one, so that [`upstream`](buttress_call::Error::upstream) finds the
/// provider's answer. When every target was refused on this side, it is the refusal that ends soonest. A failed
/// *response* that was given up for the next target leaves its kind, but no source.
///
/// ```
/// use buttress_call::BoxError;
/// use buttress_failover::Exhausted;
/// use std::error::Error;
///
/// fn report(error: &BoxError) {
///     let exhausted = buttress_call::find(error).and_then(|e| e.source()?.downcast_ref::<Exhausted>());
///     for attempt in exhausted.into_iter().flat_map(Exhausted::attempts) {
///         eprintln!("{}: {}", attempt.name(), attempt.reason());
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Exhausted {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) out_of_time: bool,
    pub(crate) source: Option<BoxError>,
}

impl Exhausted {
    /// The targets: those that failed in the order in which they were tried, then those that were passed over.
    pub fn attempts(&self) -> impl ExactSizeIterator<Item = &Attempt> {
        self.attempts.iter()
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.out_of_time { "no target served in time" } else { "no target served" })?;
        for (place, attempt) in self.attempts.iter().enumerate() {
            f.write_str(if place == 0 { ": " } else { "; " })?;
            attempt.fmt(f)?;
        }
        Ok(())
    }
}

impl StdError for Exhausted {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// One target, and why it did not serve the call.
#[derive(Clone, Debug)]
pub struct Attempt {
    name: Arc<str>,
    reason: Reason,
}

/// Why a target did not serve a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It was tried and failed; [`Kind::Rejected`]: a layer on this side refused.
    Failed(Failure),
    /// It was passed over: an earlier failure keeps it out of service.
    Cooling(Cooldown),
    /// It was passed over: its gate lets nothing through.
    Gated,
    /// It was passed over: it cannot serve such a request.
    Lacks(Lack),
    /// It was passed over: it takes no more calls.
    Drained,
    /// It was passed over: another attempt of the same call was using it.
    InUse,
    /// It was passed over: it was not ready.
    NotReady,
    /// The call ended before its turn came.
    NotTried,
}

impl Attempt {
    pub(crate) fn new(name: Arc<str>, reason: Reason) -> Self {
        Attempt { name, reason }
    }

    /// The target's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why it did not serve.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// The kind of failure that kept it from serving, now or earlier. A gate that lets nothing through
    /// is a local rejection, and so is draining; a target that was merely not reached has none.
    pub fn kind(&self) -> Option<Kind> {
        match self.reason {
            Reason::Failed(failure) => Some(failure.kind),
            Reason::Cooling(cooldown) => Some(cooldown.kind),
            Reason::Lacks(lack) => Some(lack.kind()),
            Reason::Gated | Reason::Drained => Some(Kind::Rejected),
            Reason::InUse | Reason::NotReady | Reason::NotTried => None,
        }
    }

    /// The wait after which it may serve, if that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        match self.reason {
            Reason::Failed(failure) => failure.retry_after,
            Reason::Cooling(cooldown) => Some(cooldown.remaining),
            _ => None,
        }
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Failed(failure) => failure.fmt(f),
            Reason::Cooling(Cooldown { kind, remaining }) if remaining.is_zero() => {
                write!(f, "being probed after {kind}")
            }
            Reason::Cooling(Cooldown { kind, remaining }) => {
                write!(f, "cooling after {kind}, {remaining:?} left")
            }
            Reason::Gated => f.write_str("gated"),
            Reason::Lacks(lack) => lack.fmt(f),
            Reason::Drained => f.write_str("drained"),
            Reason::InUse => f.write_str("in use by another attempt"),
            Reason::NotReady => f.write_str("not ready"),
            Reason::NotTried => f.write_str("not tried"),
        }
    }
}
