//! A caller without retries.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::Answer;

#[derive(Clone)]
pub(crate) struct Caller {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
}

/// A chat's body.
pub(crate) fn chat(model: &str, stream: bool) -> String {
    serde_json::json!({
        "model": model, "stream": stream, "messages": [{"role": "user", "content": "a secret prompt"}]
    })
    .to_string()
}

impl Caller {
    pub(crate) fn new(url: &str) -> Caller {
        Caller { client: Client::builder(TokioExecutor::new()).build_http(), url: url.to_owned() }
    }

    /// A request with the caller's key.
    pub(crate) fn request(&self, path: &str) -> http::request::Builder {
        Request::post(format!("{}{path}", self.url))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {}", super::CALLER_KEY))
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        self.client.request(request).await.expect("the gateway answers")
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Response<Incoming> {
        self.send(self.request(path).body(Full::new(body.into())).unwrap()).await
    }

    /// A whole answer: status, headers, body.
    pub(crate) async fn whole(&self, path: &str, body: impl Into<Bytes>) -> Response<Bytes> {
        let (parts, body) = self.post(path, body).await.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        let request = Request::get(format!("{}{path}", self.url)).body(Full::default()).unwrap();
        let (parts, body) = self.send(request).await.into_parts();
        Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
    }

    /// A streamed chat, read to its end.
    pub(crate) async fn stream(&self, model: &str) -> Answer {
        Answer::read(self.post("/v1/chat/completions", chat(model, true)).await).await
    }

    /// Who answers a chat.
    pub(crate) async fn answered_by(&self, model: &str) -> String {
        let response = self.whole("/v1/chat/completions", chat(model, false)).await;
        assert_eq!(response.status(), StatusCode::OK, "{response:?}");
        response.headers()["x-buttress-target"].to_str().unwrap().to_owned()
    }
}
