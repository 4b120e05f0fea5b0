//! How a layer learns a call's end, and where a request carries its [`Call`].

use std::{fmt, marker::PhantomData, sync::Arc};

use tower_service::Service;

use crate::{
    Apart, BoxError, Call, Charging, Completion, Ended, Failure, Keep, Kind, Limits, Outcome, Whole, error,
    hint,
};

/// What is known of a call at the moment its future resolves.
#[derive(Clone, Copy, Debug)]
pub enum Verdict<'a> {
    /// It has ended.
    Ended(Ended),
    /// The answer still flows; the completion tells its end.
    Pending(&'a Completion),
}

/// Says how a call ended, from what its future resolved to.
///
/// [`Http`] is the layers' default. A typed client takes [`ByError`] or a closure through [`classify_fn`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell how a call that returns `{Res}` ended",
    label = "no verdict on `{Res}`",
    note = "the layers' default, `Http`, judges `http::Response`s",
    note = "for a client whose every failure is an `Err`, give the layer `ByError`",
    note = "for any other typed client, give it `classify_fn::<{Res}, _>(|result| ...)`"
)]
pub trait Classify<Res> {
    /// The verdict. It borrows the response's own completion while the answer still flows.
    fn classify<'a>(&self, result: Result<&'a Res, &BoxError>) -> Verdict<'a>;

    /// What the answer said of rate limits. By default only an error's own word.
    fn limits(&self, result: Result<&Res, &BoxError>) -> Option<Limits> {
        result.err().and_then(error::find)?.limits().copied()
    }

    /// How the provider that answered charges. By default only an error's own word.
    fn charging(&self, result: Result<&Res, &BoxError>) -> Option<Charging> {
        result.err().and_then(error::find)?.charging()
    }

    /// The provider's own word on whether to retry. By default only an error's own.
    fn should_retry(&self, result: Result<&Res, &BoxError>) -> Option<bool> {
        result.err().and_then(error::find)?.should_retry()
    }
}

/// Says where a request carries its [`Call`]. Every classifier says it too, so a layer has one parameter for both.
///
/// [`with_call`] gives a typed request a place for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not know where a `{Req}` carries its `Call`",
    label = "no `Call` in `{Req}`",
    note = "the layers' default, `Http`, looks into an `http::Request`'s extensions",
    note = "for a typed request, give the layer `ByError` or `classify_fn::<Response, _>(|result| ...)`"
)]
pub trait Carries<Req> {
    /// What a request is kept as by layers that may send it again: [`Whole`], or what takes less.
    ///
    /// A classifier around another takes that one's; one that does not is right, and costs more.
    type Kept: Keep<Req>;

    /// The call, if the request carries one.
    fn call<'a>(&self, request: &'a Req) -> Option<&'a Call>;

    /// The call to write to, inserted if there is a place for it and it is not there yet.
    fn call_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut Call>;

    /// The path that the request goes to, if it is one of HTTP.
    fn path<'a>(&self, request: &'a Req) -> Option<&'a str> {
        let _ = request;
        None
    }

    /// Keeps what it takes to send the request again.
    fn keep(&self, request: &mut Req) -> Self::Kept
    where
        Req: Clone,
    {
        Self::Kept::keep(request)
    }
}

/// Judges `http::Response`s: the default of every layer.
///
/// A response that carries a [`Completion`] is pending until that ends; one without, as from a client that
/// `ProviderLayer` does not wrap, is judged by its status and its retry hints. An error is judged by [`failure`](crate::failure).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Http;

/// Any response is a success, and only an error a failure: for typed clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ByError;

impl<B> Classify<http::Response<B>> for Http {
    fn classify<'a>(&self, result: Result<&'a http::Response<B>, &BoxError>) -> Verdict<'a> {
        let response = match result {
            Ok(response) => response,
            Err(error) => return Verdict::Ended(ended_by(error)),
        };
        match response.extensions().get() {
            Some(completion) => Verdict::Pending(completion),
            None => Verdict::Ended(bare(response.status(), response.headers()).into()),
        }
    }

    fn limits(&self, result: Result<&http::Response<B>, &BoxError>) -> Option<Limits> {
        match result {
            Ok(response) => response.extensions().get().copied(),
            Err(error) => error::find(error)?.limits().copied(),
        }
    }

    fn charging(&self, result: Result<&http::Response<B>, &BoxError>) -> Option<Charging> {
        match result {
            Ok(response) => {
                let own = response.extensions().get().copied();
                own.or_else(|| response.extensions().get::<Completion>()?.charging())
            }
            Err(error) => error::find(error)?.charging(),
        }
    }

    fn should_retry(&self, result: Result<&http::Response<B>, &BoxError>) -> Option<bool> {
        match result {
            Ok(response) => hint::should_retry(response.headers()),
            Err(error) => error::find(error)?.should_retry(),
        }
    }
}

impl<B> Carries<http::Request<B>> for Http {
    type Kept = Apart<B>;

    fn call<'a>(&self, request: &'a http::Request<B>) -> Option<&'a Call> {
        Call::get(request.extensions())
    }

    fn call_mut<'a>(&self, request: &'a mut http::Request<B>) -> Option<&'a mut Call> {
        Some(Call::get_or_insert(request.extensions_mut()))
    }

    fn path<'a>(&self, request: &'a http::Request<B>) -> Option<&'a str> {
        Some(request.uri().path())
    }
}

impl<Res> Classify<Res> for ByError {
    fn classify<'a>(&self, result: Result<&'a Res, &BoxError>) -> Verdict<'a> {
        match result {
            Ok(_) => Verdict::Ended(Outcome::Success.into()),
            Err(error) => Verdict::Ended(ended_by(error)),
        }
    }
}

impl<Req> Carries<Req> for ByError {
    type Kept = Whole<Req>;

    fn call<'a>(&self, _: &'a Req) -> Option<&'a Call> {
        None
    }

    fn call_mut<'a>(&self, _: &'a mut Req) -> Option<&'a mut Call> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<Res, C: Classify<Res> + ?Sized> Classify<Res> for Arc<C> {
    fn classify<'a>(&self, result: Result<&'a Res, &BoxError>) -> Verdict<'a> {
        (**self).classify(result)
    }

    fn limits(&self, result: Result<&Res, &BoxError>) -> Option<Limits> {
        (**self).limits(result)
    }

    fn charging(&self, result: Result<&Res, &BoxError>) -> Option<Charging> {
        (**self).charging(result)
    }

    fn should_retry(&self, result: Result<&Res, &BoxError>) -> Option<bool> {
        (**self).should_retry(result)
    }
}

#[diagnostic::do_not_recommend]
impl<Req, C: Carries<Req> + ?Sized> Carries<Req> for Arc<C> {
    type Kept = C::Kept;

    fn call<'a>(&self, request: &'a Req) -> Option<&'a Call> {
        (**self).call(request)
    }

    fn call_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut Call> {
        (**self).call_mut(request)
    }

    fn path<'a>(&self, request: &'a Req) -> Option<&'a str> {
        (**self).path(request)
    }

    fn keep(&self, request: &mut Req) -> C::Kept
    where
        Req: Clone,
    {
        (**self).keep(request)
    }
}

/// The outcome of a response that nobody decoded.
fn bare(status: http::StatusCode, headers: &http::HeaderMap) -> Outcome {
    Kind::from_status(status).map_or(Outcome::Success, |kind| {
        let hint = hint::retry_after(headers, std::time::SystemTime::now());
        Failure::new(kind).with_retry_after(hint).into()
    })
}

fn ended_by(error: &BoxError) -> Ended {
    let usage = error::find(error).and_then(error::Error::usage);
    Ended::new(error::failure(error)).with_usage(usage)
}

/// A classifier from a closure, for typed clients. Name the response type: a bare `|result|` does not infer.
///
/// ```
/// use buttress_call::{Kind, Outcome, classify_fn, failure};
///
/// struct Answer { text: String }
///
/// let classify = classify_fn::<Answer, _>(|result| match result {
///     Ok(answer) if answer.text.is_empty() => Kind::Broken.into(),
///     Ok(_) => Outcome::Success,
///     Err(error) => failure(error).into(),
/// });
/// # let _ = classify;
/// ```
pub fn classify_fn<Res, F>(classify: F) -> ClassifyFn<Res, F>
where
    F: Fn(Result<&Res, &BoxError>) -> Outcome,
{
    ClassifyFn { classify, response: PhantomData }
}

/// A classifier made by [`classify_fn`].
pub struct ClassifyFn<Res, F> {
    classify: F,
    response: PhantomData<fn(&Res)>,
}

impl<Res, F: Clone> Clone for ClassifyFn<Res, F> {
    fn clone(&self) -> Self {
        ClassifyFn { classify: self.classify.clone(), response: PhantomData }
    }
}

impl<Res, F> fmt::Debug for ClassifyFn<Res, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClassifyFn").finish_non_exhaustive()
    }
}

impl<Res, F> Classify<Res> for ClassifyFn<Res, F>
where
    F: Fn(Result<&Res, &BoxError>) -> Outcome,
{
    fn classify<'a>(&self, result: Result<&'a Res, &BoxError>) -> Verdict<'a> {
        Verdict::Ended((self.classify)(result).into())
    }
}

impl<Req, Res, F> Carries<Req> for ClassifyFn<Res, F> {
    type Kept = Whole<Req>;

    fn call<'a>(&self, _: &'a Req) -> Option<&'a Call> {
        None
    }

    fn call_mut<'a>(&self, _: &'a mut Req) -> Option<&'a mut Call> {
        None
    }
}

/// Gives a typed request a place for its [`Call`], beside a classifier: deadlines and clocks then work as over HTTP.
///
/// ```
/// use buttress_call::{ByError, Call, with_call};
///
/// #[derive(Clone)]
/// struct Ask { prompt: String, call: Call }
///
/// let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
/// # let _ = classify;
/// ```
pub fn with_call<Req, C>(
    classify: C,
    read: fn(&Req) -> &Call,
    write: fn(&mut Req) -> &mut Call,
) -> WithCall<Req, C> {
    WithCall { classify, read, write }
}

/// A classifier made by [`with_call`].
#[derive(Debug)]
pub struct WithCall<Req, C> {
    classify: C,
    read: fn(&Req) -> &Call,
    write: fn(&mut Req) -> &mut Call,
}

impl<Req, C: Clone> Clone for WithCall<Req, C> {
    // By hand, because the request itself need not be `Clone`.
    fn clone(&self) -> Self {
        WithCall { classify: self.classify.clone(), read: self.read, write: self.write }
    }
}

impl<Req, Res, C: Classify<Res>> Classify<Res> for WithCall<Req, C> {
    fn classify<'a>(&self, result: Result<&'a Res, &BoxError>) -> Verdict<'a> {
        self.classify.classify(result)
    }

    fn limits(&self, result: Result<&Res, &BoxError>) -> Option<Limits> {
        self.classify.limits(result)
    }

    fn charging(&self, result: Result<&Res, &BoxError>) -> Option<Charging> {
        self.classify.charging(result)
    }

    fn should_retry(&self, result: Result<&Res, &BoxError>) -> Option<bool> {
        self.classify.should_retry(result)
    }
}

impl<Req, C> Carries<Req> for WithCall<Req, C> {
    type Kept = Whole<Req>;

    fn call<'a>(&self, request: &'a Req) -> Option<&'a Call> {
        Some((self.read)(request))
    }

    fn call_mut<'a>(&self, request: &'a mut Req) -> Option<&'a mut Call> {
        Some((self.write)(request))
    }
}

/// Makes the compiler say, at the stack, why a stack is not a service for `Req`.
///
/// Layers accept any service and check it only when it is called, so a mismatch shows up far away as a missing method.
/// A line `check::<Req>(&stack);` brings the message home.
///
/// ```
/// # #[derive(Clone)] struct Echo;
/// # impl tower_service::Service<u64> for Echo {
/// #     type Response = u64; type Error = std::convert::Infallible;
/// #     type Future = std::future::Ready<Result<u64, Self::Error>>;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
/// #         std::task::Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, n: u64) -> Self::Future { std::future::ready(Ok(n)) }
/// # }
/// let stack = Echo;
/// buttress_call::check::<u64>(&stack);
/// ```
pub fn check<Req>(_service: &impl Service<Req>) {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Error, Failure, Origin, OutputCharge, Progress, Usage};

    fn http(result: Result<&http::Response<()>, &BoxError>) -> Ended {
        match Http.classify(result) {
            Verdict::Ended(ended) => ended,
            Verdict::Pending(_) => panic!("pending"),
        }
    }

    #[test]
    fn a_response_with_a_completion_is_pending_even_after_its_end() {
        let (completion, ender) = Completion::pair(Progress::new());
        let mut response = http::Response::new(());
        response.extensions_mut().insert(completion);
        assert!(matches!(Http.classify(Ok(&response)), Verdict::Pending(_)));
        ender.end(Outcome::Success);
        let Verdict::Pending(completion) = Http.classify(Ok(&response)) else { panic!("not pending") };
        assert!(completion.ended().is_some());
    }

    #[test]
    fn how_the_provider_charges_is_in_the_completion_and_an_extension_of_its_own_comes_first() {
        let mut response = http::Response::new(());
        assert_eq!(Http.charging(Ok(&response)), None);
        let [told, own] = [OutputCharge::AsStreamed, OutputCharge::Free].map(Charging::new);
        let (completion, _ender) = Completion::pair_with_charging(Progress::new(), told);
        response.extensions_mut().insert(completion);
        assert_eq!(Http.charging(Ok(&response)), Some(told));
        response.extensions_mut().insert(own);
        assert_eq!(Http.charging(Ok(&response)), Some(own));
    }

    #[test]
    fn a_bare_response_is_judged_by_its_status() {
        let mut response = http::Response::new(());
        assert_eq!(http(Ok(&response)).outcome, Outcome::Success);
        *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
        response.headers_mut().insert("retry-after", http::HeaderValue::from_static("2"));
        response.headers_mut().insert("x-should-retry", http::HeaderValue::from_static("false"));
        let hint = Some(std::time::Duration::from_secs(2));
        assert_eq!(http(Ok(&response)).outcome, Failure::new(Kind::Overloaded).with_retry_after(hint).into());
        assert_eq!(Http.should_retry(Ok(&response)), Some(false));
    }

    #[test]
    fn an_error_brings_its_kind_its_hint_and_its_usage() {
        let hint = Some(std::time::Duration::from_secs(3));
        let failure = Failure::new(Kind::RateLimited).with_retry_after(hint);
        let usage = Some(Usage::new(10, 0));
        let error: BoxError = Error::new(failure, Origin::Upstream, "slow down").with_usage(usage).into();
        assert_eq!(http(Err(&error)), Ended::new(failure).with_usage(usage));
    }

    #[test]
    fn by_error_takes_any_response_for_a_success() {
        let Verdict::Ended(ended) = ByError.classify(Ok(&17_u64)) else { panic!("pending") };
        assert_eq!(ended.outcome, Outcome::Success);
    }
}
