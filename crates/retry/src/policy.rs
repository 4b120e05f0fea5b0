//! The policy.

use std::{fmt, mem, sync::Arc, time::Duration};

use buttress_call::{
    BoxError, Carries, Cause, Classify, Error, Failure, Http, Kind, Origin, Outcome, Usage, Verdict, find,
};
use tokio::time::Instant;
use tower::retry::{Policy, budget::Budget};

use crate::{
    AnyAnswer, Check, InvalidRetries, NoHeaders, Refused, Replay, Retries, RetryBudget, Stamp, Validate,
    Wait,
    decide::{self, Rules, Situation, Stop},
    random::Random,
};

type SharedBudget = Arc<dyn Budget + Send + Sync>;

/// Says whether a failed call is sent again to the same target, and after what wait. The [crate's page](crate) has the
/// rules.
///
/// A [`tower::retry::Policy`], so it works in tower's own [`Retry`](tower::retry::Retry) over a service whose error is
/// [`BoxError`]; [`RetryLayer`](crate::RetryLayer) is the short way. Clones share the budget and the generator of
/// jitter; each counts its own call, as tower clones the policy for each.
///
/// ```
/// use buttress_call::{BoxError, ByError, Kind};
/// use buttress_retry::RetryPolicy;
/// use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let policy = RetryPolicy::default().on(Kind::Server, 1).classify(ByError);
/// let mut service = ServiceBuilder::new()
///     .layer(RetryLayer::new(policy))
///     .service_fn(|prompt: &'static str| async move { Ok::<_, BoxError>(prompt.len()) });
/// assert_eq!(service.ready().await?.call("Hello").await?, 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "a policy does nothing by itself"]
pub struct RetryPolicy<C = Http, V = AnyAnswer, H = NoHeaders> {
    shared: Arc<Shared>,
    call: PerCall,
    classify: C,
    validate: V,
    headers: H,
}

/// What every clone sees.
#[derive(Clone)]
struct Shared {
    numbers: Retries,
    rules: Rules,
    refusals: u8,
    budget: Option<SharedBudget>,
    random: Arc<Random>,
}

/// What one call has come to.
#[derive(Default)]
struct PerCall {
    /// Retries after failures.
    retries: u8,
    /// Retries after answers that the check refused.
    refusals: u8,
    /// The latest delay, in nanoseconds.
    delay: u64,
    /// What the upstream said last: worth more to the caller than a local layer's refusal of a retry.
    upstream: Option<BoxError>,
}

impl PerCall {
    fn is_first(&self) -> bool {
        self.retries == 0 && self.refusals == 0
    }

    fn number(&self) -> u16 {
        u16::from(self.retries) + u16::from(self.refusals)
    }
}

impl RetryPolicy {
    /// A policy with these numbers, for `http::Response`s. Refuses numbers that make no sense.
    pub fn new(numbers: Retries) -> Result<Self, InvalidRetries> {
        numbers.check()?;
        Ok(Self::unchecked(numbers))
    }

    fn unchecked(numbers: Retries) -> Self {
        RetryPolicy {
            shared: Arc::new(Shared {
                numbers,
                rules: Rules::default(),
                refusals: 0,
                budget: Some(Arc::new(RetryBudget::default())),
                random: Arc::new(Random::from_entropy()),
            }),
            call: PerCall::default(),
            classify: Http,
            validate: AnyAnswer,
            headers: NoHeaders,
        }
    }
}

impl Default for RetryPolicy {
    /// [`Retries::default`]: 3 attempts, full jitter over 0.5 s, 1 s, … up to 8 s, hints up to 5 s, no patience; and
    /// [`RetryBudget::default`]: retries are at most 20 % of the calls, plus 10 a second, 100 at once.
    fn default() -> Self {
        Self::unchecked(Retries::default())
    }
}

impl<C, V, H> RetryPolicy<C, V, H> {
    /// Retries a failure of this kind while the call has had fewer than `retries`, after whatever failures. 0: never.
    ///
    /// By default it is [`Kind::retry`] that says whether, and [`Retries::attempts`] how often.
    pub fn on(mut self, kind: Kind, retries: u8) -> Self {
        self.shared_mut().rules.set(kind, retries);
        self
    }

    /// Lets this budget grant retries; share it to bound several policies together. Default: a
    /// [`RetryBudget::default`] of its own.
    ///
    /// Each call makes one deposit, when its first attempt has ended, and each retry one withdrawal. Nothing else costs:
    /// what fails over to another target takes nothing from this one's budget.
    pub fn budget(mut self, budget: Arc<dyn Budget + Send + Sync>) -> Self {
        self.shared_mut().budget = Some(budget);
        self
    }

    /// Grants every retry: for whoever bounds load elsewhere.
    pub fn no_budget(mut self) -> Self {
        self.shared_mut().budget = None;
        self
    }

    /// Seeds the jitter, for runs that must repeat exactly.
    pub fn seed(mut self, seed: u64) -> Self {
        self.shared_mut().random = Arc::new(Random::seeded(seed));
        self
    }

    /// Learns calls' ends, and finds their `Call`, by this classifier.
    pub fn classify<C2>(self, classify: C2) -> RetryPolicy<C2, V, H> {
        let RetryPolicy { shared, call, validate, headers, .. } = self;
        RetryPolicy { shared, call, classify, validate, headers }
    }

    /// Refuses answers that `check` refuses: the call is then sent again, at once and at most `retries` times.
    ///
    /// For what only the caller can judge, say JSON that does not fit a schema. These retries are counted apart from
    /// those after failures, and not waited for, as nothing is overloaded; the budget pays for them too. When none is
    /// left the caller gets an error with [`Refused`] as its source instead of the answer.
    ///
    /// The check sees the response as the service returned it. Of a stream that is its beginning: whoever wants to judge
    /// a whole answer, and not to lose what a reader has seen of it, has the inner service hold it to its end
    /// (`Commit::End` in `buttress-provider`) or returns a decoded answer. It runs within `poll`: keep it short.
    pub fn validate<Res, F>(mut self, retries: u8, check: F) -> RetryPolicy<C, Check<F>, H>
    where
        F: Fn(&Res) -> Result<(), BoxError>,
    {
        self.shared_mut().refusals = retries;
        let RetryPolicy { shared, call, classify, headers, .. } = self;
        RetryPolicy { shared, call, classify, validate: Check::new(check), headers }
    }

    /// Sends these headers with HTTP requests.
    ///
    /// tower's own `Retry` shows the first attempt's request to nobody: there, [`prepare`](Self::prepare) it outside.
    pub fn headers<H2>(self, headers: H2) -> RetryPolicy<C, V, H2> {
        let RetryPolicy { shared, call, classify, validate, .. } = self;
        RetryPolicy { shared, call, classify, validate, headers }
    }

    /// Prepares a request for its first attempt: the idempotency key, and the clock by which a breaker below says that it
    /// has opened.
    ///
    /// [`RetryLayer`](crate::RetryLayer) does it. Around tower's own `Retry` a `map_request` can:
    ///
    /// ```
    /// # use buttress_call::BoxError;
    /// # use buttress_retry::{Headers, RetryPolicy};
    /// # use tower::{ServiceBuilder, retry::RetryLayer};
    /// let policy = RetryPolicy::default().headers(Headers::default());
    /// let prepare = policy.clone();
    /// let service = ServiceBuilder::new()
    ///     .map_request(move |mut request: http::Request<&'static str>| {
    ///         prepare.prepare(&mut request);
    ///         request
    ///     })
    ///     .layer(RetryLayer::new(policy))
    ///     .service_fn(|request: http::Request<&'static str>| async move {
    ///         assert!(request.headers().contains_key("idempotency-key"));
    ///         Ok::<_, BoxError>(http::Response::new(()))
    ///     });
    /// # let _ = service;
    /// ```
    ///
    /// Without it, and with no other layer outside that watches the call's clock, the first failure that opens the
    /// breaker is not seen: the call waits once before it gives up.
    pub fn prepare<Req>(&self, request: &mut Req)
    where
        C: Carries<Req>,
        H: Stamp<Req>,
    {
        prepare(&self.classify, &self.headers, request);
    }

    fn shared_mut(&mut self) -> &mut Shared {
        // A clone that was made before keeps its rules; the budget and the generator stay common.
        Arc::make_mut(&mut self.shared)
    }

    pub(crate) fn first_parts(&self) -> (C, H)
    where
        C: Clone,
        H: Clone,
    {
        (self.classify.clone(), self.headers.clone())
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
        C: Carries<Req>,
        H: Stamp<Req>,
    {
        let call = self.classify.call(request);
        let situation = Situation {
            failure,
            should_retry: result.as_ref().err().and_then(find).and_then(Error::should_retry),
            retries: self.call.retries,
            another_can_serve: call.is_some_and(buttress_call::Call::another_can_serve),
        };
        let Shared { numbers, rules, random, .. } = &*self.shared;
        let PerCall { retries, delay, .. } = &mut self.call;
        let draw = || {
            *delay = numbers.backoff.delay(*retries, *delay, random);
            Duration::from_nanos(*delay)
        };
        let granted = decide::wait(numbers, rules, &situation, draw)
            .and_then(|wait| self.fits(request, wait))
            .and_then(|wait| self.pay().map(|()| wait));
        match granted {
            Ok(wait) => {
                self.call.retries += 1;
                self.keep(result, failure);
                self.begin(request, failure.kind, wait);
                Some(Wait::new(wait))
            }
            Err(stop) => {
                self.give_up(failure.kind, stop);
                if failure.kind == Kind::Rejected
                    && let Some(upstream) = self.call.upstream.take()
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
        let left = self.call.refusals < self.shared.refusals;
        let granted = if left { Ok(Duration::ZERO) } else { Err(Stop::Attempts) }
            .and_then(|wait| self.fits(request, wait))
            .and_then(|_| self.pay());
        if let Err(stop) = granted {
            self.give_up(Kind::Broken, stop);
            return None;
        }
        self.call.refusals += 1;
        self.keep(result, Kind::Broken.into());
        self.begin(request, Kind::Broken, Duration::ZERO);
        Some(Wait::new(Duration::ZERO))
    }

    /// The wait, if the call has the time for it, and if the target takes calls by then.
    fn fits<Req>(&self, request: &Req, wait: Duration) -> Result<Duration, Stop>
    where
        C: Carries<Req>,
    {
        let Some(call) = self.classify.call(request) else { return Ok(wait) };
        if call.remaining().is_some_and(|left| left <= wait) {
            return Err(Stop::Deadline);
        }
        let closed = call.progress().and_then(buttress_call::Progress::closed_until);
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
        if failure.kind != Kind::Rejected || self.call.upstream.is_none() {
            self.call.upstream = Some(error);
        }
    }

    /// Turns the request into that of the next attempt.
    fn begin<Req>(&self, request: &mut Req, kind: Kind, wait: Duration)
    where
        C: Carries<Req>,
        H: Stamp<Req>,
    {
        let number = self.call.number();
        tracing::info!(kind = kind.as_str(), attempt = number + 1, ?wait, "retrying");
        if let Some(call) = self.classify.call_mut(request) {
            call.begin_attempt(Cause::Retry);
            call.ensure_progress();
        }
        self.headers.retry(request, number);
    }

    fn give_up(&self, kind: Kind, stop: Stop) {
        let (kind, attempt, reason) = (kind.as_str(), self.call.number() + 1, stop.as_str());
        if stop == Stop::Kind {
            tracing::debug!(kind, attempt, reason, "not retrying");
        } else {
            tracing::info!(kind, attempt, reason, "not retrying");
        }
    }
}

pub(crate) fn prepare<C, H, Req>(classify: &C, headers: &H, request: &mut Req)
where
    C: Carries<Req>,
    H: Stamp<Req>,
{
    if let Some(call) = classify.call_mut(request) {
        call.ensure_progress();
    }
    headers.first(request);
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
        if self.call.is_first() {
            self.deposit();
        }
        let usage = match self.classify.classify(result.as_ref()) {
            Verdict::Pending(completion) => completion.ended().and_then(|ended| ended.usage),
            Verdict::Ended(ended) => match ended.outcome {
                Outcome::Success => ended.usage,
                Outcome::Failure(failure) => return self.failed(request, result, failure),
                // Whatever an outcome is called later on: nobody has failed.
                _ => return None,
            },
        };
        let why = self.validate.validate(result.as_ref().ok()?).err()?;
        self.refused(request, result, usage, why)
    }

    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

impl<C: Clone, V: Clone, H: Clone> Clone for RetryPolicy<C, V, H> {
    // By hand, because a clone begins with a call of its own: tower clones the policy for each.
    fn clone(&self) -> Self {
        RetryPolicy {
            shared: self.shared.clone(),
            call: PerCall::default(),
            classify: self.classify.clone(),
            validate: self.validate.clone(),
            headers: self.headers.clone(),
        }
    }
}

impl<C, V, H> fmt::Debug for RetryPolicy<C, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy").field("numbers", &self.shared.numbers).finish_non_exhaustive()
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
