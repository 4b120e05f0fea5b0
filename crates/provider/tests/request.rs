//! What is sent, what is not, and what is never printed.

#![allow(clippy::unwrap_used, clippy::unnecessary_wraps, reason = "helpers of tests are tests too")]

mod kit;

use std::{
    convert::Infallible,
    error::Error as _,
    future::{Future, Ready, ready},
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
};

use buttress_call::{BoxError, Call, Kind, Origin, find};
use buttress_provider::{BodyTooLarge, BufferLayer, Provider, ProviderLayer};
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full, StreamBody};
use kit::*;
use tower::{Service, ServiceExt};
use tower_layer::Layer;

/// Echoes the body; ready once it was asked often enough.
#[derive(Debug, Default)]
struct Echo {
    calls: Arc<AtomicUsize>,
    unready: usize,
    ready: bool,
    broken: bool,
}

impl Clone for Echo {
    fn clone(&self) -> Self {
        Echo { calls: self.calls.clone(), unready: self.unready, ready: false, broken: self.broken }
    }
}

impl Service<Request<Full<Bytes>>> for Echo {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = Ready<Result<Response<Full<Bytes>>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.broken {
            return Poll::Ready(Err("not any more".into()));
        }
        if self.unready > 0 {
            self.unready -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Full<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.calls.fetch_add(1, SeqCst);
        let (parts, body) = request.into_parts();
        let mut response = Response::new(body);
        *response.extensions_mut() = parts.extensions;
        ready(Ok(response))
    }
}

fn upload(
    frames: impl IntoIterator<Item = Result<Frame<Bytes>, io::Error>>,
) -> impl Body<Data = Bytes, Error = io::Error> {
    StreamBody::new(futures_util::stream::iter(frames.into_iter().collect::<Vec<_>>()))
}

fn piece(text: &str) -> Result<Frame<Bytes>, io::Error> {
    Ok(Frame::data(Bytes::copy_from_slice(text.as_bytes())))
}

#[track_caller]
fn too_large(result: Result<Response<Full<Bytes>>, BoxError>, limit: usize) {
    let error = failed(result);
    assert_eq!((error.kind(), error.origin()), (Kind::Invalid, Origin::Layer("buffer")));
    assert_eq!(error.status(), 413);
    assert_eq!(error.source().unwrap().downcast_ref::<BodyTooLarge>().unwrap().limit(), limit);
    assert!(error.to_string().contains(&limit.to_string()), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_body_in_pieces_is_collected() {
    let echo = Echo { unready: 2, ..Echo::default() };
    let service = BufferLayer::default().limit(10).layer(echo);
    for frames in [vec!["abc", "", "defg", "hij"], vec!["abcdefghij"], vec!["", "a", "bcdefghij", ""]] {
        let trailers = Ok(Frame::trailers(http::HeaderMap::new()));
        let body = upload(frames.into_iter().map(piece).chain([trailers]));
        let response = service.clone().oneshot(Request::new(body)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "abcdefghij");
    }
    let response = service.clone().oneshot(Request::new(upload([]))).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "");
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_refused_before_anything_is_sent() {
    let echo = Echo::default();
    let service = BufferLayer::default().limit(10).layer(echo.clone());
    too_large(service.clone().oneshot(post("01234567890")).await, 10);
    for frames in [vec!["01234567890"], vec!["01234", "567890"], vec!["0123456789", "0"]] {
        let body = upload(frames.into_iter().map(piece));
        too_large(service.clone().oneshot(Request::new(body)).await, 10);
    }
    // An upload without end is not read on.
    let endless = StreamBody::new(futures_util::stream::repeat_with(|| piece("x")));
    too_large(service.clone().oneshot(Request::new(endless)).await, 10);
    assert_eq!(echo.calls.load(SeqCst), 0);
    let none = BufferLayer::default().limit(0).layer(echo.clone());
    too_large(none.clone().oneshot(post("x")).await, 0);
    none.oneshot(post("")).await.unwrap();
    assert_eq!(echo.calls.load(SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_declared_length_over_the_limit_is_refused_unread() {
    struct Declared;

    impl Body for Declared {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            panic!("nothing of it is wanted")
        }

        fn size_hint(&self) -> http_body::SizeHint {
            http_body::SizeHint::with_exact(u64::MAX)
        }
    }

    let service = BufferLayer::default().layer(Echo::default());
    too_large(service.oneshot(Request::new(Declared)).await, 32 << 20);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_off_is_the_callers_error() {
    let echo = Echo::default();
    let service = BufferLayer::default().layer(echo.clone());
    let body = upload([piece("{"), Err(io::ErrorKind::ConnectionReset.into())]);
    let error = failed(service.oneshot(Request::new(body)).await);
    assert_eq!((error.kind(), error.origin()), (Kind::Invalid, Origin::Layer("buffer")));
    assert_eq!(echo.calls.load(SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn an_inner_service_that_is_never_ready_again_says_so() {
    let service = BufferLayer::default().layer(Echo { broken: true, ..Echo::default() });
    let error = service.oneshot(post("x")).await.unwrap_err();
    assert_eq!(error.to_string(), "not any more");
}

#[tokio::test(start_paused = true)]
async fn the_shape_of_a_collected_body_is_known_inside() {
    let service = BufferLayer::default().layer(Echo::default());
    let response = service.clone().oneshot(ask(true, false)).await.unwrap();
    let shape = Call::get(response.extensions()).unwrap().shape().unwrap();
    assert_eq!((shape.model.as_deref(), shape.stream), (Some("m"), true));
    let response = service.oneshot(post("no json")).await.unwrap();
    assert!(Call::get(response.extensions()).unwrap().shape().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_upload_dropped_half_way_is_dropped_and_nothing_sent() {
    let echo = Echo::default();
    let events = Events::default();
    let held = {
        let events = events.clone();
        scopeguard(move || events.note("dropped"))
    };
    let body = StreamBody::new(futures_util::stream::poll_fn(move |_| {
        let _ = &held;
        Poll::<Option<Result<Frame<Bytes>, io::Error>>>::Pending
    }));
    {
        let mut future = pin!(BufferLayer::default().layer(echo.clone()).oneshot(Request::new(body)));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(future.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!((events.count("dropped"), echo.calls.load(SeqCst)), (1, 0));
}

fn scopeguard(drop: impl FnMut() + Send) -> impl Send {
    struct Guard<F: FnMut()>(F);
    impl<F: FnMut()> Drop for Guard<F> {
        fn drop(&mut self) {
            (self.0)();
        }
    }
    Guard(drop)
}

#[test]
fn readiness_is_the_clients_own() {
    let mut cx = Context::from_waker(Waker::noop());
    let mut service = openai().layer(Echo { unready: 1, ..Echo::default() });
    assert!(service.poll_ready(&mut cx).is_pending());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut service = openai().layer(Echo { broken: true, ..Echo::default() });
    assert!(matches!(service.poll_ready(&mut cx), Poll::Ready(Err(_))));
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_sent_again_through_clones_of_a_service() {
    let client = Client::new(Answer::stream(&[HELLO, DONE]));
    let service = BufferLayer::default().layer(openai().layer(client.clone()));
    for _ in 0..3 {
        let response = service.clone().oneshot(ask(true, false)).await.unwrap();
        take(response).await.success();
    }
    assert_eq!(client.requests.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_attempt_is_marked_as_sent_when_it_is() {
    let client = Client::new(Answer::stream(&[HELLO, DONE]));
    let response = client.stream().await.unwrap();
    let (parts, _) = client.sent().await;
    let call = Call::get(&parts.extensions).unwrap();
    assert_eq!(call.was_sent(), Some(true));
    assert!(completion(&response).progress().sent_at().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_key_goes_to_the_provider_and_nowhere_else() {
    let mut request = ask(true, true);
    // Too long to stand behind the base path, and absolute.
    let long = format!("http://elsewhere.example/{}", "x".repeat(65_500));
    *request.uri_mut() = long.parse().unwrap();
    let client = Client::new(Answer::stream(&[HELLO, DONE]));
    let layer = ProviderLayer::new(
        Provider::openai().base_url(format!("https://h.example/{}", "a".repeat(100))).api_key("sk"),
    );
    let _ = client.call(layer.unwrap(), request).await;
    let (parts, _) = client.sent().await;
    assert_eq!(parts.uri.host(), Some("h.example"));
    assert_eq!(parts.headers["authorization"], "Bearer sk");
}

#[tokio::test(start_paused = true)]
async fn the_callers_http_version_is_not_the_clients() {
    for version in [Version::HTTP_10, Version::HTTP_2, Version::HTTP_3] {
        let mut request = ask(true, true);
        *request.version_mut() = version;
        let client = Client::new(Answer::stream(&[HELLO, DONE]));
        client.call(openai(), request).await.unwrap();
        assert_eq!(client.sent().await.0.version, Version::HTTP_11);
    }
}

#[tokio::test(start_paused = true)]
async fn a_providers_own_credentials_header_keeps_the_callers_away() {
    let provider = || Provider::compatible("azure", "https://h.example").header("api-key", "secret");
    for (provider, kept) in [(provider(), false), (provider().api_key("sk"), true)] {
        let mut request = ask(true, true);
        request.headers_mut().insert("authorization", "Bearer of-the-caller".parse().unwrap());
        request.headers_mut().insert("proxy-authorization", "Basic of-the-caller".parse().unwrap());
        let client = Client::new(Answer::stream(&[HELLO, DONE]));
        client.call(ProviderLayer::new(provider).unwrap(), request).await.unwrap();
        let (parts, _) = client.sent().await;
        assert_eq!(parts.headers["api-key"], "secret");
        assert_eq!(
            parts.headers.get("authorization").map(|value| value == "Bearer sk"),
            kept.then_some(true)
        );
        assert!(!parts.headers.contains_key("proxy-authorization"));
        assert!(!format!("{:?}", parts.headers).contains("secret"), "{:?}", parts.headers);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_never_printed_even_if_the_provider_repeats_it() {
    const KEY: &str = "sk-very-secret-key";
    let provider = Provider::openai().api_key(format!(" {KEY}\n")).header("x-proxy-key", KEY);
    let layer = ProviderLayer::new(provider.clone()).unwrap();
    let body =
        format!("{{\"error\":{{\"message\":\"Incorrect API key: {KEY}\",\"code\":\"invalid_api_key\"}}}}");
    let event = format!("data: {body}\n\n");
    let answers = [
        Answer::of("application/json", [data(body.clone())]).status(401).header("x-echo", KEY),
        Answer::of("application/json", [data(body)]),
        Answer::steps([data(event.clone())]),
        Answer::steps([data(HELLO), Step::Yield, data(event)]),
        Answer::stream(&[HELLO]).then([cut()]),
    ];
    let mut printed = format!("{provider:?} {layer:?} {:?}", BufferLayer::default());
    for answer in answers {
        let client = Client::new(answer);
        let future = client.send(layer.clone(), ask(true, true));
        printed.extend([format!("{future:?}")]);
        match future.await {
            Err(error) => {
                let text = kit::printed(&*error);
                assert!(text.contains("***") || !text.contains("Incorrect"), "{text}");
                printed += &text;
            }
            Ok(response) => {
                printed.extend([format!("{response:?}")]);
                let error = take(response).await.error.unwrap();
                assert_eq!(find(&error).unwrap().kind(), Kind::Broken);
                printed += &kit::printed(&*error);
            }
        }
        let (parts, _) = client.sent().await;
        printed.extend([format!("{parts:?}")]);
    }
    assert!(!printed.contains(KEY), "{printed}");
}
