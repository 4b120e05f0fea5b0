//! What a call remembers of its failures.

use std::{sync::Arc, time::Duration};

use buttress_call::{BoxError, Error, Failure, Kind, Usage};

use crate::{Attempt, Exhausted, Reason};

/// The failures of one call so far.
#[derive(Default)]
pub(crate) struct Log {
    attempts: Vec<Attempt>,
    cause: Option<(Failure, Option<BoxError>)>,
    usage: Option<Usage>,
    /// The largest window that the prompt was found too long for.
    pub(crate) outgrown: Option<u64>,
}

impl Log {
    pub(crate) fn record(
        &mut self,
        name: Arc<str>,
        failure: Failure,
        error: Option<BoxError>,
        usage: Option<Usage>,
    ) {
        self.attempts.push(Attempt::new(name, Reason::Failed(failure)));
        if let Some(usage) = usage {
            *self.usage.get_or_insert_default() += usage;
        }
        if self.cause.as_ref().is_none_or(|(known, _)| says_more(failure, *known)) {
            self.cause = Some((failure, error));
        }
    }

    /// Whether any upstream was asked, or only refusals on this side came.
    pub(crate) fn upstream_failed(&self) -> bool {
        self.cause.as_ref().is_some_and(|(failure, _)| failure.kind != Kind::Rejected)
    }

    /// The target that failed last, and how.
    pub(crate) fn last(&self) -> Option<(&str, Kind)> {
        let last = self.attempts.last()?;
        Some((last.name(), last.kind()?))
    }

    pub(crate) fn exhausted(mut self, others: impl Iterator<Item = Attempt>, out_of_time: bool) -> Error {
        self.attempts.extend(others);
        let (failure, source) = self.cause.unwrap_or_else(|| (nobody_was_asked(&self.attempts).into(), None));
        let exhausted = Exhausted { attempts: self.attempts, out_of_time, source };
        Error::by_layer(failure, "failover", exhausted).with_usage(self.usage).with_exhausted()
    }
}

/// A request that no target can serve fails as the first of them would have answered.
fn nobody_was_asked(attempts: &[Attempt]) -> Kind {
    let lacks = |attempt: &Attempt| matches!(attempt.reason(), Reason::Lacks(_));
    let kind = attempts.first().filter(|_| attempts.iter().all(lacks)).and_then(Attempt::kind);
    kind.unwrap_or(Kind::Rejected)
}

/// The first upstream failure is the call's; until there is one, the refusal that ends soonest.
fn says_more(new: Failure, known: Failure) -> bool {
    let refusal_of = |failure: Failure| failure.kind == Kind::Rejected;
    let wait_of = |failure: Failure| failure.retry_after.unwrap_or(Duration::MAX);
    refusal_of(known) && (!refusal_of(new) || wait_of(new) < wait_of(known))
}
