//! The callers.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use buttress_call::BoxError;
use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};

use super::upstream::TOKENS;
use crate::report::quantile;

/// Callers that call side by side.
const AT_ONCE: u32 = 32;

/// Calls to one system.
#[derive(Clone)]
pub(super) struct Load {
    url: Arc<str>,
}

/// A connection of a caller's own.
struct Connection {
    send: SendRequest<Full<Bytes>>,
    host: Arc<str>,
}

impl Load {
    pub(super) fn new(url: String) -> Self {
        Load { url: url.into() }
    }

    /// The median time of calls for whole answers one after the other, in ms.
    pub(super) async fn one_by_one(&self, calls: u32) -> Result<f64, BoxError> {
        let mut connection = self.connect().await?;
        let mut times = Vec::new();
        for _ in 0..calls {
            let began = Instant::now();
            connection.whole().await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        quantile(&times, 0.5).ok_or_else(|| "no calls".into())
    }

    /// Calls for whole answers in a second, so many side by side.
    pub(super) async fn side_by_side(&self, calls: u32) -> Result<f64, BoxError> {
        self.per_second(calls, false).await
    }

    /// Content events in a second, of streams side by side.
    pub(super) async fn streams(&self, streams: u32) -> Result<f64, BoxError> {
        self.per_second(streams, true).await
    }

    /// What came in a second: calls, or events of streams.
    async fn per_second(&self, calls: u32, stream: bool) -> Result<f64, BoxError> {
        let (next, mut callers) = (Arc::new(AtomicU32::new(0)), Vec::new());
        for _ in 0..AT_ONCE {
            callers.push(self.connect().await?);
        }
        let began = Instant::now();
        let callers = callers.into_iter().map(|mut caller| {
            let next = next.clone();
            tokio::spawn(async move {
                let mut came = 0;
                while next.fetch_add(1, Relaxed) < calls {
                    came += if stream { caller.stream().await? } else { caller.whole().await? };
                }
                Ok::<u64, BoxError>(came)
            })
        });
        let mut came = 0;
        for caller in callers.collect::<Vec<_>>() {
            came += caller.await??;
        }
        Ok(came as f64 / began.elapsed().as_secs_f64())
    }

    async fn connect(&self) -> Result<Connection, BoxError> {
        let host: Arc<str> = self.url.strip_prefix("http://").ok_or("a URL must begin with http://")?.into();
        let stream = TcpStream::connect(host.trim_end_matches('/')).await?;
        stream.set_nodelay(true)?;
        let (send, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { send, host })
    }
}

impl Connection {
    /// Reads a whole answer: one.
    async fn whole(&mut self) -> Result<u64, BoxError> {
        let body = self.call(false).await?;
        if !body.contains("chat.completion") {
            return Err("an answer is none".into());
        }
        Ok(1)
    }

    /// Reads a stream to its end: the events with content.
    async fn stream(&mut self) -> Result<u64, BoxError> {
        let body = self.call(true).await?;
        if !body.ends_with("data: [DONE]\n\n") {
            return Err("a stream did not come to its end".into());
        }
        Ok(TOKENS)
    }

    async fn call(&mut self, stream: bool) -> Result<String, BoxError> {
        let body = format!(
            r#"{{"model":"gpt-5-mini","stream":{stream},"messages":[{{"role":"user","content":"What is a buttress, and why does a church need one?"}}]}}"#
        );
        let request = Request::post("/v1/chat/completions")
            .header(header::HOST, &*self.host)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, "Bearer any")
            .body(Full::from(body))?;
        self.send.ready().await?;
        let response = self.send.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(format!("status {status}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(String::from_utf8(body.into())?)
    }
}
