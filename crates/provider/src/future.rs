//! The future: waits for the answer's head, then holds it back until it is known to be one.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use buttress_call::{BoxError, Limits, Progress, Refused};
use buttress_wire::{ApiError, Decoder};
use bytes::Bytes;
use http::{HeaderMap, Response, header, response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};

use crate::{
    Commit, ProviderBody, Whole,
    broken::{self, Broken},
    endpoint::{Asked, Expected},
    form::{Form, encoding, form},
    hide::Hide,
    layer::Config,
    reader::{Decoding, Reader, Step},
};

/// What is kept of an error answer's body; the rest is not read.
const MAX_ERROR_BODY: usize = 64 << 10;
/// How long an error answer's body may take. The status has said the most.
const ERROR_BODY: Duration = Duration::from_secs(5);
/// What may come before the first content, and before the event that carries it.
const MAX_PRELUDE: usize = 1 << 20;

pin_project! {
    /// The response of [`ProviderService`](crate::ProviderService).
    ///
    /// Dropping it drops the client's future, or the answer's body, at once.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F>,
        answer: Option<Held<B>>,
        config: Config,
        asked: Asked,
        progress: Progress,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Sent { #[pin] future: F },
        Holding,
        // Only once the body was pending.
        Waiting { #[pin] within: Sleep },
        /// The request could not be made: nothing was sent.
        Unsent { error: Option<BoxError> },
    }
}

/// An answer of which the head is there.
struct Held<B> {
    parts: response::Parts,
    reader: Reader<B>,
    until: Until,
}

/// How far an answer is read before it is judged.
#[derive(Clone, Copy)]
enum Until {
    /// The status says that it is an error: until enough is there to tell which.
    Error,
    /// The status says that it is good: until it is known to be.
    Commit(Commit),
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn new(future: F, config: Config, asked: Asked, progress: Progress) -> Self {
        ResponseFuture { state: State::Sent { future }, answer: None, config, asked, progress }
    }

    /// A request that could not be made.
    pub(crate) fn unsent(error: BoxError, config: Config, progress: Progress) -> Self {
        let asked = Asked::nothing(config.endpoint.dialect);
        ResponseFuture { state: State::Unsent { error: Some(error) }, answer: None, config, asked, progress }
    }
}

impl<F, E, B> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    type Output = Result<Response<ProviderBody<B>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let provider = &this.config.endpoint;
        if let StateProj::Sent { future } = this.state.as_mut().project() {
            let response =
                ready!(future.poll(cx)).map_err(|error| broken::of_transport(provider, error.into()))?;
            *this.answer = Some(begin(response, this.config, *this.asked, this.progress)?);
            this.state.set(State::Holding);
        }
        if let StateProj::Unsent { error } = this.state.as_mut().project() {
            return Poll::Ready(Err(error.take().expect("a future is not polled after it is ready")));
        }
        let held = this.answer.as_mut().expect("a future is not polled after it is ready");
        let end = match poll_held(held, this.config.max_event, cx) {
            Poll::Ready(end) => end,
            Poll::Pending => {
                let within = match held.until {
                    Until::Commit(Commit::FirstContent { within }) => within,
                    Until::Error => ERROR_BODY,
                    Until::Commit(_) => return Poll::Pending,
                };
                if let StateProj::Holding = this.state.as_mut().project() {
                    this.state.set(State::Waiting { within: sleep(within) });
                }
                let StateProj::Waiting { within } = this.state.as_mut().project() else {
                    return Poll::Pending;
                };
                ready!(within.poll(cx));
                Ok(false)
            }
        };
        let held = this.answer.take().expect("it was there a line ago");
        Poll::Ready(judge(this.config, held, end))
    }
}

/// Looks at the head: is it an error, a stream, a whole answer, or something to pass on as it is?
fn begin<B>(
    response: Response<B>,
    config: &Config,
    asked: Asked,
    progress: &Progress,
) -> Result<Held<B>, BoxError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (mut parts, source) = response.into_parts();
    if !parts.status.is_success() {
        let reader = Reader::new(source, Decoding::Opaque, progress.clone());
        return Ok(Held { parts, reader, until: Until::Error });
    }
    let encoding = encoding(&parts.headers).map(str::to_owned);
    let encoded = encoding.is_some();
    if let (Some(encoding), Expected::Chat) = (encoding, asked.expected) {
        drop(source);
        return Err(fail(config, parts, Bytes::new(), Broken::Encoded(encoding), progress));
    }
    let (decoding, commit) = match form(&parts, asked) {
        Form::Stream => {
            let decoder = Decoder::new(asked.dialect).max_event(config.max_event);
            let hide = asked.hide_usage.then(|| Hide::new(config.max_event));
            if hide.is_some() {
                parts.headers.remove(header::CONTENT_LENGTH);
            }
            (Decoding::Stream { decoder, hide }, config.stream)
        }
        // Nobody can see into it, and nobody should wait for all of it.
        Form::OtherStream => (Decoding::Opaque, config.stream),
        Form::Json if !encoded && matches!(config.whole, Commit::End { .. }) => {
            (Decoding::Whole(asked.dialect), config.whole)
        }
        Form::Json | Form::Other => (Decoding::Opaque, config.whole),
    };
    let reader = Reader::new(source, decoding, progress.clone());
    Ok(Held { parts, reader, until: Until::Commit(commit) })
}

/// Reads until the answer may be judged: `true` if all of it is there.
fn poll_held<B>(held: &mut Held<B>, max_event: usize, cx: &mut Context<'_>) -> Poll<Result<bool, Broken>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let Held { reader, until, .. } = held;
    let max_prelude = MAX_PRELUDE.saturating_add(max_event);
    loop {
        let held = reader.held_bytes();
        let enough = match *until {
            Until::Error => held >= MAX_ERROR_BODY,
            Until::Commit(Commit::Head) => true,
            // The transport's end may lag behind the answer's.
            Until::Commit(_) if reader.ended() => true,
            Until::Commit(Commit::FirstContent { .. }) => reader.content(),
            Until::Commit(Commit::End { max_bytes }) => held > max_bytes,
        };
        if enough {
            reader.pass_through();
            return Poll::Ready(Ok(false));
        }
        if matches!(until, Until::Commit(_)) && !reader.content() && held > max_prelude {
            return Poll::Ready(Err(Broken::PreludeTooLong { bytes: held }));
        }
        match ready!(reader.poll_step(cx)) {
            Step::Read => {}
            Step::End(end) => return Poll::Ready(end.map(|()| true)),
        }
    }
}

/// Lets the answer through, or makes it the error that it is.
fn judge<B>(
    config: &Config,
    held: Held<B>,
    end: Result<bool, Broken>,
) -> Result<Response<ProviderBody<B>>, BoxError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let Held { parts, mut reader, until } = held;
    let finished = match (until, end) {
        (Until::Commit(_), Ok(finished)) => finished,
        (until, end) => {
            let body = reader.join_held();
            let body = if body.len() > MAX_ERROR_BODY {
                // A slice would keep all of it.
                Bytes::copy_from_slice(&body[..MAX_ERROR_BODY])
            } else {
                body
            };
            return Err(match (until, end) {
                (Until::Commit(_), Err(broken)) => fail(config, parts, body, broken, reader.progress()),
                // A body that breaks is as good as one that ends: the status has said the most.
                _ => error_answer(config, parts, body),
            });
        }
    };
    let limits = limits(config, &parts.headers);
    // Nothing of the answer comes after its end marker, whatever the transport does.
    let all_held = (finished || reader.ended()) && matches!(until, Until::Commit(Commit::End { .. }));
    let whole = (all_held && reader.is_understood()).then(|| Whole::new(reader.join_held()));
    let (body, completion) = ProviderBody::new(reader, config.endpoint.clone(), finished);
    let mut response = Response::from_parts(parts, body);
    let extensions = response.extensions_mut();
    extensions.insert(completion);
    if !limits.is_empty() {
        extensions.insert(limits);
    }
    if let Some(whole) = whole {
        extensions.insert(whole);
    }
    Ok(response)
}

/// The error of an answer whose head said 200.
fn fail(
    config: &Config,
    parts: response::Parts,
    body: Bytes,
    broken: Broken,
    progress: &Progress,
) -> BoxError {
    let refused = broken.refused();
    let error = broken.before_content(&config.endpoint).with_usage(progress.usage());
    with_answer(config, parts, body, error, refused)
}

/// The error of an answer whose head said so.
fn error_answer(config: &Config, parts: response::Parts, body: Bytes) -> BoxError {
    // What is encoded is not words.
    let words = if encoding(&parts.headers).is_some() { &[][..] } else { &body };
    let api = ApiError::from_answer(config.endpoint.vendor, parts.status, &parts.headers, words, now());
    let refused = api.refused;
    with_answer(config, parts, body, broken::of_api(&config.endpoint, api), refused)
}

fn with_answer(
    config: &Config,
    parts: response::Parts,
    body: Bytes,
    error: buttress_call::Error,
    refused: Option<Refused>,
) -> BoxError {
    let mut limits = limits(config, &parts.headers);
    limits.refused = refused;
    broken::with_answer(error, parts, body, &limits, config.endpoint.charging).into()
}

fn limits(config: &Config, headers: &HeaderMap) -> Limits {
    buttress_wire::limits(config.endpoint.vendor, headers, now())
}

/// Wall-clock time, for dates in headers; nothing is timed with it.
fn now() -> SystemTime {
    SystemTime::now()
}

impl<F, B> std::fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").field("provider", &self.config.endpoint.name).finish_non_exhaustive()
    }
}
