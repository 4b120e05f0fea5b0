//! One call's attempts: what is done with the result of each.

use std::{fmt, mem, time::Duration};

use buttress_call::{
    BoxError, Call, Carries, Cause, Classify, Error, Failure, Kind, Note, Origin, Outcome, Progress, Usage,
    Verdict, find,
};
use tokio::time::Instant;
use tower::retry::Policy;

use super::{RetryPolicy, Shared};
use crate::{
    Refused, Replay, Stamp, Validate, Wait,
    decide::{self, Situation, Stop},
};

/// What one call has come to.
#[derive(Default)]
pub(super) struct Attempts {
    /// Retries after failures.
    retries: u8,
    /// Retries after answers that the check refused.
    refusals: u8,
    /// The latest delay, in nanoseconds.
    delay: u64,
    /// What the upstream said last: worth more to the caller than a local layer's refusal of a retry.
    upstream: Option<BoxError>,
}

impl Attempts {
    fn is_first(&self) -> bool {
        self.retries == 0 && self.refusals == 0
    }

    fn number(&self) -> u16 {
        u16::from(self.retries) + u16::from(self.refusals)
    }
}

impl<C, V, H, Req, Res> Policy<Req, Res, BoxError> for RetryPolicy<C, V, H>
where
    C: Classify<Res> + Carries<Req>,
    V: Validate<Res>,
    H: Stamp<Req>,
    Req: Replay,
{
    type Future = Wait;

    fn retry(&mut self, request: &mut Req, result: &mut Result<Res, BoxError>) -> Option<Wait> {
        let fault = self.judge(result)?;
        self.again(request, result, fault)
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// What is wrong with a result.
pub(crate) enum Fault {
    Failed(Failure),
    /// The caller's check refused it.
    Refused(Option<Usage>, BoxError),
}

impl<C, V, H> RetryPolicy<C, V, H> {
    /// What is wrong with the result; nothing, if it is the caller's.
    #[inline]
    pub(crate) fn judge<Res>(&mut self, result: &Result<Res, BoxError>) -> Option<Fault>
    where
        C: Classify<Res>,
        V: Validate<Res>,
    {
        if self.attempts.is_first() {
            self.deposit();
        }
        let usage = match self.classify.classify(result.as_ref()) {
            Verdict::Pending(completion) => completion.ended().and_then(|ended| ended.usage),
            Verdict::Ended(ended) => match ended.outcome {
                Outcome::Success => ended.usage,
                Outcome::Failure(failure) => return Some(Fault::Failed(failure)),
                // Whatever an outcome is called later on: nobody has failed.
                _ => return None,
            },
        };
        let why = self.validate.validate(result.as_ref().ok()?).err()?;
        Some(Fault::Refused(usage, why))
    }

    /// The wait before the request is sent again, made ready for that; nothing, if it is not: the result, which may be
    /// another by now, is the caller's then.
    pub(crate) fn again<Req, Res>(
        &mut self,
        request: &mut Req,
        result: &mut Result<Res, BoxError>,
        fault: Fault,
    ) -> Option<Wait>
    where
        C: Classify<Res> + Carries<Req>,
        H: Stamp<Req>,
    {
        match fault {
            Fault::Failed(failure) => self.failed(request, result, failure),
            Fault::Refused(usage, why) => self.refused(request, result, usage, why),
        }
    }

    /// Keeps what it takes to send a request again.
    pub(crate) fn keep_request<Req>(&self, request: &mut Req) -> C::Kept
    where
        C: Carries<Req>,
        Req: Clone,
    {
        self.classify.keep(request)
    }

    fn deposit(&self) {
        if let Some(budget) = &self.shared.budget {
            budget.deposit();
        }
    }

    /// What to do after a failure.
    #[cold]
    fn failed<Req, Res>(
        &mut self,
        request: &mut Req,
        result: &mut Result<Res, BoxError>,
        failure: Failure,
    ) -> Option<Wait>
    where
        C: Classify<Res> + Carries<Req>,
        H: Stamp<Req>,
    {
        let call = self.classify.call(request);
        let closed = result.as_ref().err().and_then(find).and_then(Error::closed_until);
        let situation = Situation {
            failure,
            should_retry: self.classify.should_retry(result.as_ref()),
            retries: self.attempts.retries,
            another_can_serve: call.is_some_and(Call::another_can_serve),
        };
        let Shared { numbers, rules, random, .. } = &*self.shared;
        let Attempts { retries, delay, .. } = &mut self.attempts;
        let draw = || {
            *delay = numbers.backoff.delay(*retries, *delay, random);
            Duration::from_nanos(*delay)
        };
        let granted = decide::wait(numbers, rules, &situation, draw)
            .and_then(|wait| self.fits(request, closed, wait))
            .and_then(|wait| self.pay().map(|()| wait));
        match granted {
            Ok(wait) => {
                self.attempts.retries += 1;
                self.keep(result, failure);
                self.begin(request, failure.kind, wait);
                Some(Wait::new(wait))
            }
            Err(stop) => {
                self.give_up(failure.kind, stop);
                if failure.kind == Kind::Rejected
                    && let Some(upstream) = self.attempts.upstream.take()
                {
                    *result = Err(upstream);
                }
                None
            }
        }
    }

    /// What to do with an answer that the caller's check refused.
    #[cold]
    fn refused<Req, Res>(
        &mut self,
        request: &mut Req,
        result: &mut Result<Res, BoxError>,
        usage: Option<Usage>,
        why: BoxError,
    ) -> Option<Wait>
    where
        C: Carries<Req>,
        H: Stamp<Req>,
    {
        // The answer goes now, whatever comes next.
        *result = Err(Refused::from(why).into_error(usage));
        let left = self.attempts.refusals < self.shared.refusals;
        let granted = if left { Ok(Duration::ZERO) } else { Err(Stop::Attempts) }
            .and_then(|wait| self.fits(request, None, wait))
            .and_then(|_| self.pay());
        if let Err(stop) = granted {
            self.give_up(Kind::Broken, stop);
            return None;
        }
        self.attempts.refusals += 1;
        self.keep(result, Kind::Broken.into());
        self.begin(request, Kind::Broken, Duration::ZERO);
        Some(Wait::new(Duration::ZERO))
    }

    /// The wait, if the call has the time for it, and if the target takes calls by then. It says when on the error, or on
    /// the attempt's clock.
    fn fits<Req>(&self, request: &Req, closed: Option<Instant>, wait: Duration) -> Result<Duration, Stop>
    where
        C: Carries<Req>,
    {
        let call = self.classify.call(request);
        if call.and_then(Call::remaining).is_some_and(|left| left <= wait) {
            return Err(Stop::Deadline);
        }
        let closed = closed.or_else(|| call.and_then(Call::progress).and_then(Progress::closed_until));
        if closed.is_some_and(|until| until.saturating_duration_since(Instant::now()) > wait) {
            return Err(Stop::Closed);
        }
        Ok(wait)
    }

    fn pay(&self) -> Result<(), Stop> {
        match &self.shared.budget {
            Some(budget) if !budget.withdraw() => Err(Stop::Budget),
            _ => Ok(()),
        }
    }

    /// Takes the failed result out, so that a response and its connection are gone before the wait, and keeps the
    /// upstream's word.
    fn keep<Res>(&mut self, result: &mut Result<Res, BoxError>, failure: Failure) {
        let error = match mem::replace(result, Err(Box::new(Retried))) {
            Ok(_) => Error::new(failure, Origin::Upstream, format!("the upstream failed: {failure}")).into(),
            Err(error) => error,
        };
        if failure.kind != Kind::Rejected || self.attempts.upstream.is_none() {
            self.attempts.upstream = Some(error);
        }
    }

    /// Turns the request into that of the next attempt.
    fn begin<Req>(&self, request: &mut Req, kind: Kind, wait: Duration)
    where
        C: Carries<Req>,
        H: Stamp<Req>,
    {
        let number = self.attempts.number();
        tracing::info!(kind = kind.as_str(), attempt = number + 1, ?wait, "retrying");
        if let Some(call) = self.classify.call_mut(request) {
            call.tell(Note::Retrying { kind, wait });
            call.begin_attempt(Cause::Retry);
            call.ensure_progress();
        }
        self.headers.retry(request, number);
    }

    fn give_up(&self, kind: Kind, stop: Stop) {
        let (kind, attempt, reason) = (kind.as_str(), self.attempts.number() + 1, stop.as_str());
        if stop == Stop::Kind {
            tracing::debug!(kind, attempt, reason, "not retrying");
        } else {
            tracing::info!(kind, attempt, reason, "not retrying");
        }
    }
}

/// Stands in for a failure that is tried again. Nobody sees it: tower drops the result before the wait.
#[derive(Debug)]
struct Retried;

impl fmt::Display for Retried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call is tried again")
    }
}

impl std::error::Error for Retried {}
