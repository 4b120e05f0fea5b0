//! The lightest call that our layers can watch to its end: a request with its [`Call`], an answer with its
//! [`Completion`], and no bytes.

use std::{fmt, pin::Pin, sync::Arc};

use buttress_call::{
    BoxError, ByError, Call, Carries, Classify, Completion, Ended, Ender, Outcome, Progress, Shape, Verdict,
    Whole, WithCall, failure, with_call,
};
use tokio::time::Instant;

/// A request about something. Its clones are attempts at the same call.
#[derive(Debug)]
pub(crate) struct Ask<T> {
    pub(crate) call: Call,
    pub(crate) about: Arc<T>,
}

impl<T> Ask<T> {
    /// A stream; `prefix` is equal for calls that can share a prompt cache.
    pub(crate) fn stream(about: Arc<T>, prefix: Option<u64>) -> Self {
        let mut shape = Shape::default();
        shape.stream = true;
        shape.prefix = prefix;
        let mut call = Call::new();
        call.set_shape(Arc::new(shape));
        Ask { call, about }
    }
}

impl<T> Clone for Ask<T> {
    // By hand: what it is about is shared, not cloned.
    fn clone(&self) -> Self {
        Ask { call: self.call.clone(), about: self.about.clone() }
    }
}

type Rest = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// An answer of which the first content is there. Whoever drops it cancels the call.
pub(crate) struct Answer {
    pub(crate) first_content_at: Instant,
    completion: Completion,
    rest: Option<(Rest, Ender)>,
}

impl Answer {
    /// The first content is there now; `rest` is what is still to come.
    pub(crate) fn begun(progress: Progress, rest: impl Future<Output = Outcome> + Send + 'static) -> Self {
        let (completion, ender) = Completion::pair(progress);
        Answer { first_content_at: Instant::now(), completion, rest: Some((Box::pin(rest), ender)) }
    }

    /// Reads it to its end.
    pub(crate) async fn read(&mut self) -> Outcome {
        let Some((mut rest, ender)) = self.rest.take() else { return Outcome::Success };
        let outcome = rest.as_mut().await;
        // Before the end is told: what the upstream holds for the call is gone by then.
        drop(rest);
        ender.end(outcome);
        outcome
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("completion", &self.completion).finish_non_exhaustive()
    }
}

/// Judges an answer by its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByEnd;

impl Classify<Answer> for ByEnd {
    fn classify<'a>(&self, result: Result<&'a Answer, &BoxError>) -> Verdict<'a> {
        match result {
            Ok(answer) => Verdict::Pending(&answer.completion),
            Err(error) => Verdict::Ended(Ended::new(failure(error))),
        }
    }
}

impl<T> Carries<Ask<T>> for ByEnd {
    type Kept = Whole<Ask<T>>;

    fn call<'a>(&self, ask: &'a Ask<T>) -> Option<&'a Call> {
        Some(&ask.call)
    }

    fn call_mut<'a>(&self, ask: &'a mut Ask<T>) -> Option<&'a mut Call> {
        Some(&mut ask.call)
    }
}

/// For the time-outs, which can wrap the body of no other response than HTTP's: their limits until first content.
pub(crate) fn until_content<T>() -> WithCall<Ask<T>, ByError> {
    with_call(ByError, |ask: &Ask<T>| &ask.call, |ask| &mut ask.call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn completion_of(answer: &Answer) -> Completion {
        let Verdict::Pending(completion) = ByEnd.classify(Ok(answer)) else { panic!("it has not ended") };
        completion.clone()
    }

    #[test]
    fn an_answer_ends_when_it_was_read_and_is_cancelled_when_it_is_dropped() {
        clock::simulate(async {
            let mut read = Answer::begun(Progress::new(), async { Outcome::Success });
            let completion = completion_of(&read);
            assert_eq!(read.read().await, Outcome::Success);
            assert_eq!(completion.ended().unwrap().outcome, Outcome::Success);
            let dropped = Answer::begun(Progress::new(), std::future::pending());
            let completion = completion_of(&dropped);
            drop(dropped);
            assert_eq!(completion.ended().unwrap().outcome, Outcome::Cancelled);
        });
    }
}
