//! A client over HTTP that needs no network: the request, and an answer that streams.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body::{Body, Frame};
use http_body_util::Full;
use tower::Service;

/// What `BufferLayer` makes of any request, and what most clients send.
pub(crate) type Request = http::Request<Full<Bytes>>;

/// A chat of a thousand bytes with eight headers.
pub(crate) fn request() -> Request {
    let prompt = "What is a flying buttress, and what does it carry? ".repeat(17);
    let body = format!(
        r#"{{"model":"gpt-5-mini","stream":true,"messages":[{{"role":"user","content":"{prompt}"}}]}}"#
    );
    let mut request = http::Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = http::Method::POST;
    *request.uri_mut() = http::Uri::from_static("/v1/chat/completions");
    *request.headers_mut() = HEADERS.iter().map(header_of).collect();
    request
}

const HEADERS: [(&str, &str); 8] = [
    ("host", "gateway.example"),
    ("content-type", "application/json"),
    ("accept", "text/event-stream"),
    ("accept-encoding", "identity"),
    ("user-agent", "buttress-lab"),
    ("authorization", "Bearer sk-lab"),
    ("x-request-id", "0123456789abcdef"),
    ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
];

fn header_of((name, value): &(&'static str, &'static str)) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// An answer as OpenAI streams it: a prelude, tokens, the usage, the end.
const EVENTS: [&str; 8] = [
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"An\"}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" arch\"}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" that\"}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" leans.\"}}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":4}}\n\n",
    "data: [DONE]\n\n",
];

/// Always ready, and answers at once with a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client;

impl Service<Request> for Client {
    type Response = http::Response<Stream>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request) -> Self::Future {
        let mut response = http::Response::new(Stream { sent: 0 });
        let events = HeaderValue::from_static("text/event-stream");
        *response.headers_mut() = HeaderMap::from_iter([(header::CONTENT_TYPE, events)]);
        ready(Ok(response))
    }
}

/// Yields the answer's events one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stream {
    sent: usize,
}

impl Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let event = EVENTS.get(self.sent).copied();
        self.sent += 1;
        Poll::Ready(event.map(|event| Ok(Frame::data(Bytes::from_static(event.as_bytes())))))
    }
}
