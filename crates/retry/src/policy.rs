//! The policy.

mod attempts;

use std::{fmt, sync::Arc};

use buttress_call::{BoxError, Carries, Http, Kind};
use tower::retry::budget::Budget;

use self::attempts::Attempts;
use crate::{
    AnyAnswer, Check, InvalidRetries, NoHeaders, Retries, RetryBudget, Stamp, decide::Rules, random::Random,
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
    attempts: Attempts,
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
            attempts: Attempts::default(),
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
        let RetryPolicy { shared, attempts, validate, headers, .. } = self;
        RetryPolicy { shared, attempts, classify, validate, headers }
    }

    /// Refuses answers that `check` refuses: the call is then sent again, at once and at most `retries` times.
    ///
    /// For what only the caller can judge, say JSON that does not fit a schema. These retries are counted apart from
    /// those after failures, and not waited for, as nothing is overloaded; the budget pays for them too. When none is
    /// left the caller gets an error with [`Refused`](crate::Refused) as its source instead of the answer.
    ///
    /// The check sees the response as the service returned it. Of a stream that is its beginning: whoever wants to judge
    /// a whole answer, and not to lose what a reader has seen of it, has the inner service hold it to its end
    /// (`Commit::End` in `buttress-provider`, where `Whole` is that answer) or returns a decoded one. It runs within `poll`: keep it short.
    pub fn validate<Res, F>(mut self, retries: u8, check: F) -> RetryPolicy<C, Check<F>, H>
    where
        F: Fn(&Res) -> Result<(), BoxError>,
    {
        self.shared_mut().refusals = retries;
        let RetryPolicy { shared, attempts, classify, headers, .. } = self;
        RetryPolicy { shared, attempts, classify, validate: Check::new(check), headers }
    }

    /// Sends these headers with HTTP requests.
    ///
    /// tower's own `Retry` shows the first attempt's request to nobody: there, [`prepare`](Self::prepare) it outside.
    pub fn headers<H2>(self, headers: H2) -> RetryPolicy<C, V, H2> {
        let RetryPolicy { shared, attempts, classify, validate, .. } = self;
        RetryPolicy { shared, attempts, classify, validate, headers }
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
    /// Without it, with no other layer outside that watches the call's clock, and where errors are not
    /// [`Error`](buttress_call::Error)s, a first failure that opens the breaker is not seen: the call waits once before it
    /// gives up.
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
}

fn prepare<C, H, Req>(classify: &C, headers: &H, request: &mut Req)
where
    C: Carries<Req>,
    H: Stamp<Req>,
{
    if let Some(call) = classify.call_mut(request) {
        call.ensure_progress();
    }
    headers.first(request);
}

impl<C: Clone, V: Clone, H: Clone> Clone for RetryPolicy<C, V, H> {
    // By hand, because a clone begins with a call of its own: tower clones the policy for each.
    fn clone(&self) -> Self {
        RetryPolicy {
            shared: self.shared.clone(),
            attempts: Attempts::default(),
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
