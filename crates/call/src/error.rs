//! The one error type of the workspace.

use std::{borrow::Cow, error::Error as StdError, fmt, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::time::Instant;

use crate::{Charging, Failure, Kind, Limits, Usage};

/// The error type of every layer's `Service`, as in tower's own layers.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a call failed, in the words that layers understand.
///
/// Layers return [`BoxError`]s; [`find`] gets this out of one, however deep it lies. An error that a layer made
/// itself has that layer's own small struct as its [`source`](StdError::source), with the numbers.
pub struct Error {
    // One pointer wide, so that the `Err` of a result costs the good path nothing.
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    failure: Failure,
    origin: Origin,
    message: Cow<'static, str>,
    provider: Option<Arc<str>>,
    code: Option<Box<str>>,
    should_retry: Option<bool>,
    exhausted: bool,
    closed_until: Option<Instant>,
    usage: Option<Usage>,
    limits: Option<Limits>,
    charging: Option<Charging>,
    status: Option<StatusCode>,
    upstream: Option<Upstream>,
    source: Option<BoxError>,
}

/// Who said no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// The provider answered with an error.
    Upstream,
    /// There was no answer, or not all of it.
    Transport,
    /// A layer on this side, by name.
    Layer(&'static str),
}

/// The provider's own answer, so that a gateway can pass it on unchanged.
#[derive(Clone)]
#[non_exhaustive]
pub struct Upstream {
    /// The status line's code. A 200 whose body holds an error keeps its 200.
    pub status: StatusCode,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// The body, cut at the reader's bound.
    pub body: Bytes,
}

impl Upstream {
    /// An answer of these parts.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        Upstream { status, headers, body }
    }
}

impl fmt::Debug for Upstream {
    /// Headers and body are left out: they may hold parts of a prompt or of a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Error {
    /// An error of this kind. The message must not hold secrets: it is printed.
    pub fn new(failure: impl Into<Failure>, origin: Origin, message: impl Into<Cow<'static, str>>) -> Self {
        Error {
            inner: Box::new(Inner {
                failure: failure.into(),
                origin,
                message: message.into(),
                provider: None,
                code: None,
                should_retry: None,
                exhausted: false,
                closed_until: None,
                usage: None,
                limits: None,
                charging: None,
                status: None,
                upstream: None,
                source: None,
            }),
        }
    }

    /// A layer's own word: its message is the source's, its [`source`](StdError::source) the layer's struct.
    pub fn by_layer(
        failure: impl Into<Failure>,
        layer: &'static str,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Error::new(failure, Origin::Layer(layer), source.to_string()).with_source(source)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Adds the provider that was asked, by its well-known name.
    #[must_use]
    pub fn with_provider(mut self, provider: Arc<str>) -> Self {
        self.inner.provider = Some(provider);
        self
    }

    /// Adds the provider's own code for the error.
    #[must_use]
    pub fn with_code(mut self, code: Option<impl Into<Box<str>>>) -> Self {
        self.inner.code = code.map(Into::into);
        self
    }

    /// Adds the provider's own word on whether to retry.
    #[must_use]
    pub fn with_should_retry(mut self, should_retry: Option<bool>) -> Self {
        self.inner.should_retry = should_retry;
        self
    }

    /// Says that nothing is left to try: every target has been.
    #[must_use]
    pub fn with_exhausted(mut self) -> Self {
        self.inner.exhausted = true;
        self
    }

    /// Adds the usage as far as it is known.
    #[must_use]
    pub fn with_usage(mut self, usage: Option<Usage>) -> Self {
        self.inner.usage = usage;
        self
    }

    /// Adds what the answer said of rate limits, and how the provider charges.
    #[must_use]
    pub fn with_limits(mut self, limits: Option<Limits>, charging: Option<Charging>) -> Self {
        self.inner.limits = limits;
        self.inner.charging = charging;
        self
    }

    /// Adds the provider's answer.
    #[must_use]
    pub fn with_upstream(mut self, upstream: Upstream) -> Self {
        self.inner.upstream = Some(upstream);
        self
    }

    /// Sets the HTTP status that a gateway answers with, where the kind's own would say too little.
    #[must_use]
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.inner.status = Some(status);
        self
    }

    /// Says that the target takes no calls until then: a breaker's word on the failure that has opened it.
    pub fn set_closed_until(&mut self, until: Instant) {
        self.inner.closed_until = Some(until);
    }

    /// Until when the target takes no calls, if the failure has left it closed.
    pub fn closed_until(&self) -> Option<Instant> {
        self.inner.closed_until
    }

    /// The kind of failure.
    pub fn kind(&self) -> Kind {
        self.inner.failure.kind
    }

    /// The failure: the kind and the hint.
    pub fn failure(&self) -> Failure {
        self.inner.failure
    }

    /// Who said no.
    pub fn origin(&self) -> Origin {
        self.inner.origin
    }

    /// The wait that the provider, or the layer, asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.inner.failure.retry_after
    }

    /// The provider's own word on whether to retry, which overrides the kind's.
    pub fn should_retry(&self) -> Option<bool> {
        self.inner.should_retry
    }

    /// Whether nothing is left to try, so that one more attempt would only repeat the tour of all targets.
    pub fn is_exhausted(&self) -> bool {
        self.inner.exhausted
    }

    /// The provider that was asked, by its well-known name (`openai`, `aws.bedrock`, …): this error's own, or that of the
    /// error it came from.
    pub fn provider(&self) -> Option<&str> {
        match &self.inner.provider {
            Some(provider) => Some(provider),
            None => find_in(self.source()?)?.provider(),
        }
    }

    /// The provider's own code for the error, or its type.
    pub fn code(&self) -> Option<&str> {
        self.inner.code.as_deref()
    }

    /// What was used up to the failure, as far as it is known.
    pub fn usage(&self) -> Option<Usage> {
        self.inner.usage
    }

    /// What the answer said of rate limits.
    pub fn limits(&self) -> Option<&Limits> {
        self.inner.limits.as_ref()
    }

    /// How the provider charges.
    pub fn charging(&self) -> Option<Charging> {
        self.inner.charging
    }

    /// The HTTP status that a gateway answers with: the provider's own if it answered with an error status, or one by
    /// kind.
    pub fn status(&self) -> StatusCode {
        let upstream = || self.upstream().map(|answer| answer.status).filter(|status| status.as_u16() >= 400);
        self.inner.status.or_else(upstream).unwrap_or_else(|| self.kind().status())
    }

    /// The provider's answer: this error's own, or that of the error it came from.
    pub fn upstream(&self) -> Option<&Upstream> {
        if self.inner.upstream.is_some() {
            return self.inner.upstream.as_ref();
        }
        find_in(self.source()?)?.upstream()
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

impl From<BoxError> for Error {
    /// The error itself if it is one of this type. Else one that says the same as the first along its chain, or what
    /// [`failure`] makes of it; the whole chain is its source.
    ///
    /// ```
    /// use buttress_call::{BoxError, Error, Kind};
    ///
    /// let refused: BoxError = std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into();
    /// assert_eq!(Error::from(refused).kind(), Kind::Connect);
    /// ```
    fn from(error: BoxError) -> Self {
        let error = match error.downcast::<Error>() {
            Ok(error) => return *error,
            Err(error) => error,
        };
        let mut new = Error::new(failure(&error), Origin::Transport, error.to_string());
        if let Some(Error { inner: said }) = find(&error) {
            let words = &mut *new.inner;
            words.origin = said.origin;
            words.code.clone_from(&said.code);
            words.should_retry = said.should_retry;
            words.exhausted = said.exhausted;
            words.closed_until = said.closed_until;
            words.usage = said.usage;
            words.limits.clone_from(&said.limits);
            words.charging = said.charging;
            words.status = said.status;
        }
        new.with_source(error)
    }
}

/// The first [`Error`] along the chain of sources.
pub fn find(error: &BoxError) -> Option<&Error> {
    find_in(&**error)
}

fn find_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    chain(error).find_map(|link| link.downcast_ref())
}

/// The failure that an error stands for.
///
/// An [`Error`] in the chain says it; else an [`io::Error`] does, as those at the bottom of every HTTP client's
/// connection errors. Of an error that says nothing it is only known that no whole answer came: [`Kind::Broken`].
pub fn failure(error: &BoxError) -> Failure {
    match find(error) {
        Some(error) => error.failure(),
        None => chain(&**error)
            .find_map(|link| link.downcast_ref::<io::Error>())
            .map_or(Kind::Broken, io_kind)
            .into(),
    }
}

fn io_kind(error: &io::Error) -> Kind {
    use io::ErrorKind as E;
    match error.kind() {
        E::ConnectionRefused
        | E::HostUnreachable
        | E::NetworkUnreachable
        | E::NetworkDown
        | E::AddrNotAvailable
        | E::NotFound => Kind::Connect,
        E::TimedOut => Kind::Timeout,
        _ => Kind::Broken,
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |link| {
        // `io::Error` leaves the error that it wraps out of its `source`.
        let wrapped = link.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|wrapped| wrapped as _).or_else(|| (*link).source())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Wrapper(BoxError);

    impl fmt::Display for Wrapper {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }

    impl StdError for Wrapper {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn an_error_is_found_however_deep_it_lies() {
        let deep = Error::new(Kind::Quota, Origin::Upstream, "no money");
        let error: BoxError = Box::new(Wrapper(Box::new(Wrapper(Box::new(deep)))));
        assert_eq!(find(&error).map(Error::kind), Some(Kind::Quota));
        assert_eq!(failure(&error), Failure::new(Kind::Quota));
    }

    #[test]
    fn any_error_becomes_one_that_says_the_same() {
        let answer = Upstream::new(StatusCode::PAYMENT_REQUIRED, HeaderMap::new(), Bytes::from_static(b"{}"));
        let said = || {
            let failure = Failure::new(Kind::Quota).with_retry_after(Some(Duration::from_secs(3)));
            Error::new(failure, Origin::Upstream, "no money").with_code(Some("billing")).with_exhausted()
        };
        let own = Error::from(BoxError::from(said()));
        assert_eq!((own.code(), own.to_string().as_str()), (Some("billing"), "no money"));

        let wrapped = Error::from(BoxError::from(Wrapper(said().with_upstream(answer).into())));
        assert_eq!((wrapped.failure(), wrapped.origin()), (said().failure(), Origin::Upstream));
        assert_eq!((wrapped.code(), wrapped.is_exhausted()), (Some("billing"), true));
        assert_eq!(wrapped.status(), StatusCode::PAYMENT_REQUIRED);
        assert_eq!(wrapped.upstream().map(|answer| &*answer.body), Some(&b"{}"[..]));
        assert_eq!(wrapped.to_string(), "wrapped");

        let unknown = Error::from(BoxError::from("what?"));
        assert_eq!((unknown.kind(), unknown.origin()), (Kind::Broken, Origin::Transport));
        assert!(unknown.source().is_some());
    }

    #[test]
    fn an_io_error_at_the_bottom_says_its_kind() {
        for (io, kind) in [
            (io::ErrorKind::ConnectionRefused, Kind::Connect),
            (io::ErrorKind::TimedOut, Kind::Timeout),
            (io::ErrorKind::ConnectionReset, Kind::Broken),
        ] {
            let error: BoxError = Box::new(Wrapper(Box::new(io::Error::from(io))));
            assert_eq!(failure(&error).kind, kind);
        }
        assert_eq!(failure(&"what?".into()).kind, Kind::Broken);
        let wrapped: BoxError = io::Error::other(Error::new(Kind::Timeout, Origin::Transport, "late")).into();
        assert_eq!(failure(&wrapped).kind, Kind::Timeout);
    }

    #[test]
    fn the_upstream_answer_is_found_through_the_errors_around_it() {
        let answer =
            Upstream::new(StatusCode::IM_A_TEAPOT, HeaderMap::new(), Bytes::from_static(b"short and stout"));
        let inner = Error::new(Kind::Invalid, Origin::Upstream, "teapot").with_upstream(answer);
        let outer = Error::by_layer(Kind::Invalid, "failover", Wrapper(inner.into()));
        assert_eq!(outer.upstream().map(|u| u.status), Some(StatusCode::IM_A_TEAPOT));
        assert_eq!(outer.to_string(), "wrapped");
    }

    #[test]
    fn the_provider_is_found_through_the_errors_around_it() {
        let inner = Error::new(Kind::Server, Origin::Upstream, "500").with_provider("aws.bedrock".into());
        let outer = Error::by_layer(Kind::Server, "failover", Wrapper(inner.into()));
        assert_eq!(outer.provider(), Some("aws.bedrock"));
        assert_eq!(outer.with_provider("openai".into()).provider(), Some("openai"), "its own word first");
        assert_eq!(Error::new(Kind::Rejected, Origin::Layer("limit"), "full").provider(), None);
    }

    #[test]
    fn neither_debug_nor_display_prints_an_answers_body_or_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-secret", http::HeaderValue::from_static("sk-secret"));
        let answer =
            Upstream::new(StatusCode::UNAUTHORIZED, headers, Bytes::from_static(b"bad key sk-secret"));
        let error = Error::new(Kind::Auth, Origin::Upstream, "status 401").with_upstream(answer);
        assert!(!format!("{error:?} {error}").contains("sk-secret"));
    }
}
