//! A provider and its body, by script.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use buttress_call::{BoxError, Call, Completion, Ender, Failure, Outcome, Progress, Shape, Usage};
use buttress_timeout::{Elapsed, Phase, TimeoutBody, TimeoutLayer, Timeouts};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Layer, Service, ServiceExt, service_fn};

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) type Request = http::Request<()>;
pub(crate) type Response = http::Response<ScriptedBody>;
pub(crate) type Watched = http::Response<TimeoutBody<ScriptedBody>>;

/// No limit at all, to start from.
pub(crate) const NONE: Timeouts = Timeouts { total: None, first_content: None, idle: None, answer: None };

pub(crate) fn layer(timeouts: Timeouts) -> TimeoutLayer {
    TimeoutLayer::new(timeouts).unwrap()
}

pub(crate) fn total(limit: Duration) -> Timeouts {
    Timeouts { total: Some(limit), ..NONE }
}

pub(crate) fn first_content(limit: Duration) -> Timeouts {
    Timeouts { first_content: Some(limit.into()), ..NONE }
}

pub(crate) fn idle(limit: Duration) -> Timeouts {
    Timeouts { idle: Some(limit), ..NONE }
}

pub(crate) fn answer(limit: Duration) -> Timeouts {
    Timeouts { answer: Some(limit.into()), ..NONE }
}

pub(crate) fn request() -> Request {
    http::Request::new(())
}

/// A request of which it is known whether it asks for a stream.
pub(crate) fn shaped(stream: bool) -> Request {
    let mut shape = Shape::default();
    shape.stream = stream;
    let mut request = request();
    Call::get_or_insert(request.extensions_mut()).set_shape(Arc::new(shape));
    request
}

/// The clock that the layer put into the request.
pub(crate) fn progress(request: &Request) -> Progress {
    Call::get(request.extensions()).and_then(Call::progress).expect("the layer puts one there").clone()
}

/// One call through the layer to a provider played by `answer`.
pub(crate) async fn call<F, Fut>(
    layer: &TimeoutLayer,
    request: Request,
    answer: F,
) -> Result<Watched, BoxError>
where
    F: FnOnce(Request) -> Fut,
    Fut: Future<Output = Result<Response, BoxError>>,
{
    let mut answer = Some(answer);
    let mut service = layer.layer(service_fn(move |request| answer.take().expect("called once")(request)));
    service.ready().await?.call(request).await
}

/// One call to a provider that marks the send and answers at once, with this body.
pub(crate) async fn stream(layer: &TimeoutLayer, request: Request, script: Script) -> Watched {
    let answer = async |request: Request| {
        let progress = progress(&request);
        progress.mark_sent();
        Ok(script.respond(progress))
    };
    call(layer, request, answer).await.unwrap()
}

/// What a body does, and when: seconds from the response head on.
pub(crate) struct Script {
    steps: VecDeque<(Duration, Step)>,
    lazy: bool,
    pub(crate) dropped: Arc<AtomicBool>,
}

#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// A frame with a content event in it.
    Content(&'static str),
    /// A frame without one.
    Ping(&'static str),
    /// The provider reports what was used so far.
    Usage(u64, u64),
    /// The decoder sees the stream's end marker; the connection stays open.
    EndMarker,
    /// The same, and the end is told when the body goes, as the provider layer does it.
    LateEndMarker,
    /// The connection closes.
    Close,
}

impl Script {
    pub(crate) fn new(steps: impl IntoIterator<Item = (f64, Step)>) -> Self {
        let steps = steps.into_iter().map(|(at, step)| (Duration::from_secs_f64(at), step)).collect();
        Script { steps, lazy: false, dropped: Arc::default() }
    }

    /// As over HTTP/1: what lies in the socket takes one pending poll to get.
    pub(crate) fn lazy(mut self) -> Self {
        self.lazy = true;
        self
    }

    /// As a provider layer answers: with a completion over the attempt's clock, which the body ticks.
    pub(crate) fn respond(self, progress: Progress) -> Response {
        let (completion, ender) = Completion::pair(progress.clone());
        let mut response = self.respond_plain();
        response.body_mut().decoder = Some((progress, Some(ender)));
        response.extensions_mut().insert(completion);
        response
    }

    /// As a client without a provider layer answers.
    pub(crate) fn respond_plain(self) -> Response {
        http::Response::new(ScriptedBody {
            script: self,
            began: Instant::now(),
            asked: false,
            sleep: None,
            whole: false,
            decoder: None,
        })
    }
}

pub(crate) struct ScriptedBody {
    script: Script,
    began: Instant,
    asked: bool,
    sleep: Option<Pin<Box<Sleep>>>,
    whole: bool,
    // Dropped after the body itself, as the connection goes before the word of the end.
    decoder: Option<(Progress, Option<Ender>)>,
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        self.script.dropped.store(true, Relaxed);
        if self.whole {
            let (_, ender) = self.decoder.as_mut().expect("a decoder");
            ender.take().expect("one end").end(Outcome::Success);
        }
    }
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            let Some(&(at, step)) = self.script.steps.front() else { return Poll::Pending };
            let at = self.began + at;
            if Instant::now() < at {
                self.asked = true;
                let sleep = self.sleep.insert(Box::pin(sleep_until(at)));
                std::task::ready!(sleep.as_mut().poll(cx));
            }
            if self.script.lazy && !std::mem::replace(&mut self.asked, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.asked = false;
            self.script.steps.pop_front();
            match step {
                Step::Content(data) => return Poll::Ready(Some(Ok(self.arrive(data, 1)))),
                Step::Ping(data) => return Poll::Ready(Some(Ok(self.arrive(data, 0)))),
                Step::Usage(input, output) => {
                    let (progress, _) = self.decoder.as_ref().expect("a decoder");
                    progress.set_usage(Usage::new(input, output));
                }
                Step::EndMarker => {
                    let (_, ender) = self.decoder.as_mut().expect("a decoder");
                    ender.take().expect("one end").end(Outcome::Success);
                }
                Step::LateEndMarker => self.whole = true,
                Step::Close => return Poll::Ready(None),
            }
        }
    }
}

impl ScriptedBody {
    fn arrive(&self, data: &'static str, events: u64) -> Frame<Bytes> {
        if let Some((progress, _)) = &self.decoder {
            progress.mark_received(data.len() as u64, events);
        }
        Frame::data(Bytes::from_static(data.as_bytes()))
    }
}

/// The layer's own error, found along the chain.
pub(crate) fn elapsed(error: &BoxError) -> Elapsed {
    let error = buttress_call::find(error).expect("an error of ours");
    let source = std::error::Error::source(error).expect("a source");
    *source.downcast_ref().expect("the layer's own struct")
}

pub(crate) fn says(error: &BoxError) -> (Phase, Duration, u64) {
    let elapsed = elapsed(error);
    (elapsed.phase(), elapsed.limit(), elapsed.bytes())
}

pub(crate) fn failure(error: &BoxError) -> Failure {
    buttress_call::failure(error)
}

/// Reads a body to its end: the text, or what it failed with, and how long that took.
pub(crate) async fn read(response: Watched) -> (Result<String, BoxError>, Duration) {
    let began = Instant::now();
    let read = response.into_body().collect().await;
    let text = read.map(|whole| String::from_utf8(whole.to_bytes().to_vec()).unwrap());
    (text, began.elapsed())
}
