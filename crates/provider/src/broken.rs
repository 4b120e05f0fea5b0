//! What can be wrong with an answer whose head said 200, and the errors it turns into.

use std::{error::Error as StdError, fmt};

use buttress_call::{BoxError, Charging, Error, Failure, Kind, Limits, Origin, Refused, Upstream, Usage};
use buttress_wire::ApiError;
use bytes::Bytes;
use http::response;

use crate::endpoint::Endpoint;

/// What was wrong.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The provider said that it failed.
    Api(Box<ApiError>),
    /// The connection broke.
    Transport(BoxError),
    /// The body ended before its end marker.
    NoEndMarker,
    /// Not one byte.
    Empty,
    /// Not what the dialect says.
    Malformed(&'static str),
    /// An event above the limit, before any content.
    EventTooLong,
    /// Events without end, before any content.
    PreludeTooLong { bytes: usize },
    /// Compressed, which was not asked for.
    Encoded(String),
}

impl Broken {
    /// Which allowance refused the call, if that was it.
    pub(crate) fn refused(&self) -> Option<Refused> {
        match self {
            Broken::Api(error) => error.refused,
            _ => None,
        }
    }

    /// The error of a call of which the caller has seen nothing yet.
    pub(crate) fn before_content(self, provider: &Endpoint) -> Error {
        match self {
            Broken::Api(error) => of_api(provider, *error),
            broken => {
                let failure = match &broken {
                    // A layer of ours below knows better why it broke the answer off.
                    Broken::Transport(source) => buttress_call::find(source).map(Error::failure),
                    _ => None,
                };
                broken.into_error(provider, failure.unwrap_or(Kind::Broken.into()))
            }
        }
    }

    /// The error at the end of a body of which the caller has seen a part: whatever was wrong, the answer is broken.
    pub(crate) fn after_content(self, provider: &Endpoint, usage: Option<Usage>) -> Error {
        let hint = match &self {
            Broken::Api(error) => error.failure.retry_after,
            _ => None,
        };
        self.into_error(provider, Failure::new(Kind::Broken).with_retry_after(hint)).with_usage(usage)
    }

    fn into_error(self, provider: &Endpoint, failure: Failure) -> Error {
        let origin = match self {
            Broken::Api(_) => Origin::Upstream,
            _ => Origin::Transport,
        };
        let message = format!("{}: {self}", provider.name);
        let error = Error::new(failure, origin, message).with_provider(provider.known_as.clone());
        match self {
            Broken::Api(api) => error.with_code(api.code.clone()).with_source(of_api(provider, *api)),
            Broken::Transport(source) => error.with_source(source),
            _ => error,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::Api(error) => {
                write!(
                    f,
                    "the stream ended in an error: {}",
                    error.code.as_deref().unwrap_or(error.failure.kind.as_str())
                )
            }
            Broken::Transport(source) => write!(f, "the answer was cut: {}", root(&**source)),
            Broken::NoEndMarker => f.write_str("the answer ended before its end marker"),
            Broken::Empty => f.write_str("the answer is empty"),
            Broken::Malformed(reason) => write!(f, "the answer is malformed: {reason}"),
            Broken::EventTooLong => f.write_str("an event before the first content is longer than the limit"),
            Broken::PreludeTooLong { bytes } => write!(f, "no content in the first {bytes} bytes"),
            Broken::Encoded(encoding) => {
                write!(f, "the answer is encoded as {encoding:?}, though identity was asked for")
            }
        }
    }
}

/// The error that an error answer is, without its answer.
pub(crate) fn of_api(provider: &Endpoint, error: ApiError) -> Error {
    let what = error.code.as_deref().unwrap_or_else(|| error.failure.kind.as_str());
    // The provider's text stays out of the message: some repeat parts of the prompt or of the key.
    let message = format!("{}: {what}", provider.name);
    Error::new(error.failure, Origin::Upstream, message)
        .with_provider(provider.known_as.clone())
        .with_code(error.code)
        .with_source(Said(provider.without_key(error.message)))
}

/// What the provider said, in its own words: the source of an error that it answered with.
///
/// Its text may quote the request. The key, should the provider repeat it, is taken out; `Debug` leaves out all of it.
pub struct Said(Box<str>);

impl Said {
    /// The provider's text, cut to a sane length.
    pub fn message(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Said({} bytes)", self.0.len())
    }
}

impl StdError for Said {}

/// The error of a client that got no answer. One that a layer of ours made below passes unchanged.
pub(crate) fn of_transport(provider: &Endpoint, source: BoxError) -> BoxError {
    if buttress_call::find(&source).is_some() {
        return source;
    }
    let failure = buttress_call::failure(&source);
    let message = format!("{}: no answer: {}", provider.name, root(&*source));
    let error = Error::new(failure, Origin::Transport, message).with_provider(provider.known_as.clone());
    error.with_source(source).into()
}

/// Adds the answer that an error came with.
pub(crate) fn with_answer(
    error: Error,
    parts: response::Parts,
    body: Bytes,
    limits: &Limits,
    charging: Charging,
) -> Error {
    let limits = (!limits.is_empty()).then_some(*limits);
    error
        .with_should_retry(buttress_call::hint::should_retry(&parts.headers))
        .with_limits(limits, Some(charging))
        .with_upstream(Upstream::new(parts.status, parts.headers, body))
}

/// The last error of the chain: clients wrap the one that says something in several that do not.
fn root<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    std::iter::successors(Some(error), |error| (*error).source()).last().unwrap_or(error)
}
