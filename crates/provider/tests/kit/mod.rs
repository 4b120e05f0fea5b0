//! A client whose answers are scripted, and a reader that notes all that comes of them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of the kit")]
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "a test reads best so")]

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
    time::Duration,
};

use buttress_call::{BoxError, Completion, Ended, Error, Kind, Outcome};
use buttress_provider::{Provider, ProviderBody, ProviderLayer, ProviderService};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, Sleep, sleep};
use tower_layer::Layer;
use tower_service::Service;

pub const SECOND: Duration = Duration::from_secs(1);

// OpenAI.
pub const ROLE: &str = "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
pub const HELLO: &str =
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";
pub const WORLD: &str =
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" world\"}}]}\n\n";
pub const FINISH: &str =
    "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
pub const USAGE: &str = "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}\n\n";
pub const DONE: &str = "data: [DONE]\n\n";
pub const ERROR: &str = "data: {\"error\":{\"message\":\"The server is overloaded\",\"type\":\"server_error\",\"code\":\"server_is_overloaded\"}}\n\n";
pub const COMMENT: &str = ": keep-alive\n\n";
pub const MALFORMED: &str = "data: {\"id\":\"1\",\"choi\n\n";

// Anthropic.
pub const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":7,\"output_tokens\":1}}}\n\n";
pub const BLOCK: &str = "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n";
pub const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";
pub const TEXT: &str = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n";
pub const DELTA: &str = "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\n";
pub const STOP: &str = "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
pub const OVERLOADED: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";

pub const JSON: &str = "{\"id\":\"1\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9}}";

/// What a scripted body does next.
#[derive(Clone, Debug)]
pub enum Step {
    Data(Bytes),
    Trailers(HeaderMap),
    /// Pending for this long.
    Wait(Duration),
    /// Pending once.
    Yield,
    Fail(io::ErrorKind),
    Panic,
    /// Pending for ever.
    Hang,
    /// This piece again and again, never pending.
    Forever(Bytes),
}

pub fn data(text: impl Into<Bytes>) -> Step {
    Step::Data(text.into())
}

pub fn cut() -> Step {
    Step::Fail(io::ErrorKind::ConnectionReset)
}

/// What happened, in order.
#[derive(Clone, Debug, Default)]
pub struct Events(Arc<Mutex<Vec<&'static str>>>);

impl Events {
    pub fn note(&self, event: &'static str) {
        self.0.lock().unwrap().push(event);
    }

    pub fn all(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }

    pub fn count(&self, event: &str) -> usize {
        self.all().iter().filter(|seen| **seen == event).count()
    }
}

#[derive(Debug)]
pub struct ScriptedBody {
    steps: VecDeque<Step>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// The rest of its declared length.
    declared: Option<u64>,
    events: Events,
}

impl Body for ScriptedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        loop {
            if let Some(sleep) = &mut this.sleep {
                ready!(sleep.as_mut().poll(cx));
                this.sleep = None;
            }
            return match this.steps.pop_front() {
                Some(Step::Data(piece)) => {
                    if let Some(declared) = &mut this.declared {
                        *declared -= piece.len() as u64;
                    }
                    Poll::Ready(Some(Ok(Frame::data(piece))))
                }
                Some(Step::Trailers(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                Some(Step::Wait(time)) => {
                    this.sleep = Some(Box::pin(sleep(time)));
                    continue;
                }
                Some(Step::Yield) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(Step::Fail(kind)) => Poll::Ready(Some(Err(kind.into()))),
                Some(Step::Panic) => panic!("scripted"),
                Some(Step::Hang) => {
                    this.steps.push_front(Step::Hang);
                    Poll::Pending
                }
                Some(Step::Forever(piece)) => {
                    this.steps.push_front(Step::Forever(piece.clone()));
                    Poll::Ready(Some(Ok(Frame::data(piece))))
                }
                None => {
                    this.events.note("body polled to its end");
                    Poll::Ready(None)
                }
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        self.declared == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for ScriptedBody {
    fn drop(&mut self) {
        self.events.note("body dropped");
    }
}

/// What a client answers.
#[derive(Clone, Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    steps: Vec<Step>,
    declared: bool,
    head_after: Vec<Step>,
}

impl Answer {
    pub fn of(content_type: &str, steps: impl IntoIterator<Item = Step>) -> Self {
        let answer = Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            steps: steps.into_iter().collect(),
            declared: false,
            head_after: Vec::new(),
        };
        if content_type.is_empty() { answer } else { answer.header("content-type", content_type) }
    }

    /// A stream of these pieces.
    pub fn stream(pieces: &[&'static str]) -> Self {
        Self::steps(pieces.iter().map(|piece| data(*piece)))
    }

    /// A stream of these steps.
    pub fn steps(steps: impl IntoIterator<Item = Step>) -> Self {
        Self::of("text/event-stream; charset=utf-8", steps)
    }

    pub fn json(pieces: &[&'static str]) -> Self {
        Self::of("application/json", pieces.iter().map(|piece| data(*piece)))
    }

    pub fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).unwrap();
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(name, value.parse().unwrap());
        self
    }

    /// With a `content-length`.
    pub fn declared(mut self) -> Self {
        self.declared = true;
        let length = self.length();
        self.header("content-length", &length.to_string())
    }

    /// These steps come before the head: waits, errors, panics.
    pub fn head_after(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.head_after = steps.into_iter().collect();
        self
    }

    pub fn then(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    fn length(&self) -> u64 {
        self.steps.iter().map(|step| if let Step::Data(data) = step { data.len() as u64 } else { 0 }).sum()
    }
}

/// A client that gives the same answer to every request.
#[derive(Debug)]
pub struct Client {
    answer: Answer,
    pub events: Events,
    pub requests: Arc<Mutex<Vec<Request<Full<Bytes>>>>>,
    ready: bool,
}

impl Clone for Client {
    // A clone has to become ready itself.
    fn clone(&self) -> Self {
        Client {
            answer: self.answer.clone(),
            events: self.events.clone(),
            requests: self.requests.clone(),
            ready: false,
        }
    }
}

impl Client {
    pub fn new(answer: Answer) -> Self {
        Client { answer, events: Events::default(), requests: Arc::default(), ready: false }
    }

    /// The body of the only request.
    pub async fn sent(&self) -> (http::request::Parts, Bytes) {
        let request = self.requests.lock().unwrap().pop().expect("a request was sent");
        let (parts, body) = request.into_parts();
        (parts, body.collect().await.unwrap().to_bytes())
    }

    /// The client as OpenAI, called with a request for a stream that asked for its usage itself.
    pub async fn stream(&self) -> Result<Response<ProviderBody<ScriptedBody>>, BoxError> {
        self.call(openai(), ask(true, true)).await
    }

    /// The same for Anthropic.
    pub async fn anthropic(&self) -> Result<Response<ProviderBody<ScriptedBody>>, BoxError> {
        self.call(anthropic(), ask(true, false)).await
    }

    /// The client as OpenAI, called with a request for a whole answer.
    pub async fn whole(&self) -> Result<Response<ProviderBody<ScriptedBody>>, BoxError> {
        self.call(openai(), ask(false, false)).await
    }

    /// One call through this layer.
    pub async fn call(
        &self,
        layer: ProviderLayer,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<ProviderBody<ScriptedBody>>, BoxError> {
        self.send(layer, request).await
    }

    pub fn send(
        &self,
        layer: ProviderLayer,
        request: Request<Full<Bytes>>,
    ) -> <ProviderService<Client> as Service<Request<Full<Bytes>>>>::Future {
        let mut service = layer.layer(self.clone());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        service.call(request)
    }
}

impl Service<Request<Full<Bytes>>> for Client {
    type Response = Response<ScriptedBody>;
    type Error = io::Error;
    type Future = Head;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Head {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.requests.lock().unwrap().push(request);
        Head {
            waits: ScriptedBody {
                steps: self.answer.head_after.clone().into(),
                sleep: None,
                declared: None,
                events: Events::default(),
            },
            answer: self.answer.clone(),
            events: self.events.clone(),
        }
    }
}

pub struct Head {
    /// What comes before the head, as a body that has no data.
    waits: ScriptedBody,
    answer: Answer,
    events: Events,
}

impl Future for Head {
    type Output = Result<Response<ScriptedBody>, io::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Some(Err(error)) = ready!(Pin::new(&mut this.waits).poll_frame(cx)) {
            return Poll::Ready(Err(error));
        }
        let body = ScriptedBody {
            steps: this.answer.steps.clone().into(),
            sleep: None,
            declared: this.answer.declared.then(|| this.answer.length()),
            events: this.events.clone(),
        };
        let mut response = Response::new(body);
        *response.status_mut() = this.answer.status;
        *response.headers_mut() = this.answer.headers.clone();
        Poll::Ready(Ok(response))
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        self.events.note("future dropped");
    }
}

pub fn openai() -> ProviderLayer {
    ProviderLayer::new(Provider::openai().api_key("sk-test-key")).unwrap()
}

pub fn anthropic() -> ProviderLayer {
    ProviderLayer::new(Provider::anthropic().api_key("sk-test-key")).unwrap()
}

pub fn ask(stream: bool, usage: bool) -> Request<Full<Bytes>> {
    let usage = if usage { ",\"stream_options\":{\"include_usage\":true}" } else { "" };
    post(format!("{{\"model\":\"m\",\"messages\":[],\"stream\":{stream}{usage}}}"))
}

pub fn post(body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    Request::post("/").header("content-type", "application/json").body(Full::new(body.into())).unwrap()
}

/// A body, read to its end.
#[derive(Debug)]
pub struct Taken {
    pub text: Bytes,
    pub pieces: Vec<Bytes>,
    pub trailers: Option<HeaderMap>,
    pub error: Option<BoxError>,
    pub ended: Option<Ended>,
    pub took: Duration,
}

impl Taken {
    /// The bytes, of an answer that ended well.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.ended.map(|ended| ended.outcome), Some(Outcome::Success));
        String::from_utf8(self.text.to_vec()).unwrap()
    }

    /// The bytes, of an answer that broke after its first content.
    #[track_caller]
    pub fn broken(self) -> (String, Error) {
        let error = self.error.expect("the body ends in an error");
        let error = *error.downcast::<Error>().expect("an error of ours");
        assert_eq!(error.kind(), Kind::Broken);
        assert_eq!(self.ended.map(|ended| ended.outcome), Some(error.failure().into()));
        assert_eq!(self.ended.and_then(|ended| ended.usage), error.usage());
        // Not every dialect's bytes are text.
        (String::from_utf8_lossy(&self.text).into_owned(), error)
    }
}

pub async fn take(response: Response<ProviderBody<ScriptedBody>>) -> Taken {
    let completion = completion(&response);
    let begun = Instant::now();
    let mut body = response.into_body();
    let mut taken = Taken {
        text: Bytes::new(),
        pieces: Vec::new(),
        trailers: None,
        error: None,
        ended: None,
        took: Duration::ZERO,
    };
    let mut text = BytesMut::new();
    loop {
        let hint = body.size_hint();
        let over = body.is_end_stream();
        let frame = body.frame().await;
        assert!(!(over && frame.is_some()), "a body at its end went on with {frame:?}");
        match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    assert!(!data.is_empty(), "an empty frame");
                    assert!(hint.upper().is_none_or(|upper| upper >= data.len() as u64), "{hint:?} {data:?}");
                    text.extend_from_slice(&data);
                    taken.pieces.push(data);
                }
                Err(frame) => taken.trailers = frame.into_trailers().ok(),
            },
            Some(Err(error)) => taken.error = Some(error),
            None => break,
        }
    }
    assert!(body.is_end_stream());
    assert!(body.frame().await.is_none(), "a body that ended goes on");
    taken.text = text.freeze();
    taken.took = begun.elapsed();
    taken.ended = completion.ended();
    taken
}

pub fn completion<B>(response: &Response<B>) -> Completion {
    response.extensions().get::<Completion>().expect("a response carries its completion").clone()
}

/// The error of a call that failed.
#[track_caller]
pub fn failed<T>(result: Result<T, BoxError>) -> Error {
    match result {
        Ok(_) => panic!("the call succeeded"),
        Err(error) => *error.downcast::<Error>().expect("an error of ours"),
    }
}

/// Everything that an error prints, its sources included.
pub fn printed(error: &(dyn std::error::Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(|error| format!("{error} {error:?}")).collect::<Vec<_>>().join("\n")
}
