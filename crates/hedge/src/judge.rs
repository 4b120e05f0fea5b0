//! What a try's result means for the race.

use buttress_call::{BoxError, Classify, Error, Failure, Kind, Verdict, find};

/// A try that failed, with what it failed by.
pub(crate) struct Lost<Res> {
    pub(crate) failure: Failure,
    pub(crate) result: Result<Res, BoxError>,
}

/// When the next try may go out. Of two opinions the later variant counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Next {
    /// When the call is late.
    WhenLate,
    /// At once.
    Now,
    /// Not at all.
    Never,
}

/// What ends the race, or a failure, which does not.
pub(crate) fn judge<Res, C: Classify<Res>>(
    classify: &C,
    result: Result<Res, BoxError>,
) -> Result<Result<Res, BoxError>, Lost<Res>> {
    match classify.classify(result.as_ref()) {
        Verdict::Ended(ended) => match ended.outcome.failure() {
            Some(failure) => Err(Lost { failure, result }),
            None => Ok(result),
        },
        // First content is what the race is for.
        Verdict::Pending(_) => Ok(result),
    }
}

impl<Res> Lost<Res> {
    /// Whether a layer on this side said no: then it cost the provider nothing.
    pub(crate) fn is_refusal(&self) -> bool {
        self.failure.kind == Kind::Rejected
    }

    /// A second try at once may mend what may be different a moment later: the target's own failures, which are those
    /// that a breaker counts. It mends nothing of the account, the key, the model or the prompt; and it does not go
    /// against a hint to wait or the provider's own word. What says that no target is left was tried everywhere.
    pub(crate) fn next(&self) -> Next {
        let error = self.result.as_ref().err().and_then(find);
        if !self.failure.kind.fails_over() || error.is_some_and(Error::is_exhausted) {
            return Next::Never;
        }
        let may_mend = error.and_then(Error::should_retry).unwrap_or(self.failure.kind.trips());
        let asked_to_wait = self.failure.retry_after.is_some_and(|hint| !hint.is_zero());
        if may_mend && !asked_to_wait { Next::Now } else { Next::WhenLate }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use buttress_call::{ByError, Origin, Outcome, classify_fn};

    use super::*;

    fn next(error: Error) -> Next {
        judge::<(), _>(&ByError, Err(error.into())).err().map(|lost| lost.next()).unwrap()
    }

    fn error(failure: impl Into<Failure>) -> Error {
        Error::new(failure, Origin::Upstream, "no")
    }

    #[test]
    fn only_what_may_be_different_a_moment_later_is_tried_again_at_once() {
        for kind in Kind::ALL {
            let expected = match kind {
                Kind::Connect | Kind::Timeout | Kind::Broken | Kind::Server | Kind::Overloaded => Next::Now,
                Kind::Filtered | Kind::Invalid => Next::Never,
                _ => Next::WhenLate,
            };
            assert_eq!(next(error(kind)), expected, "{kind}");
        }
    }

    #[test]
    fn nothing_is_tried_again_after_the_last_target() {
        assert_eq!(next(error(Kind::Server).with_exhausted()), Next::Never);
    }

    #[test]
    fn a_hint_to_wait_is_heeded() {
        let hinted = |secs| Failure::new(Kind::Overloaded).with_retry_after(Some(Duration::from_secs(secs)));
        assert_eq!(next(error(hinted(1))), Next::WhenLate);
        assert_eq!(next(error(hinted(0))), Next::Now);
    }

    #[test]
    fn the_providers_own_word_counts_more_than_the_kind() {
        assert_eq!(next(error(Kind::Server).with_should_retry(Some(false))), Next::WhenLate);
        assert_eq!(next(error(Kind::RateLimited).with_should_retry(Some(true))), Next::Now);
    }

    #[test]
    fn an_error_that_the_classifier_takes_for_a_success_ends_the_race() {
        let lenient = classify_fn::<(), _>(|_| Outcome::Success);
        assert!(judge(&lenient, Err(error(Kind::Server).into())).is_ok_and(|result| result.is_err()));
    }
}
