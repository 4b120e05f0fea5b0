//! A client as the vendors' SDKs are: two retries, judged by the head alone.

use std::{
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use buttress_call::{BoxError, hint};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Uri, header, uri};
use hyper::body::Incoming;
use rand::RngExt;
use tower::Service;

use crate::arm::{HttpClient, Request};

const RETRIES: u32 = 2;
/// The SDKs do not wait longer than this for a hint.
const MAX_HINT: Duration = Duration::from_secs(120);

#[derive(Clone)]
pub(crate) struct Bare {
    client: HttpClient,
    address: String,
}

impl Bare {
    pub(crate) fn new(client: HttpClient, address: String) -> Bare {
        Bare { client, address }
    }
}

impl Service<Request> for Bare {
    type Response = http::Response<Incoming>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request) -> Self::Future {
        let Bare { client, address } = self.clone();
        Box::pin(async move {
            *request.uri_mut() = absolute(&address, request.uri())?;
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, http::HeaderValue::from_static("Bearer drill"));
            let mut retries = 0;
            loop {
                let result = client.request(request.clone()).await;
                let hint = match &result {
                    Ok(response) if retryable(response.status()) => hint_of(response.headers()),
                    Ok(_) => return Ok(result?),
                    Err(_) => None,
                };
                if retries == RETRIES {
                    return Ok(result?);
                }
                drop(result);
                let backoff =
                    Duration::from_millis(500 << retries).mul_f64(rand::rng().random_range(0.75..=1.0));
                tokio::time::sleep(hint.unwrap_or(backoff)).await;
                retries += 1;
            }
        })
    }
}

fn retryable(status: http::StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 429 | 500..)
}

fn hint_of(headers: &HeaderMap) -> Option<Duration> {
    hint::retry_after(headers, SystemTime::now()).filter(|hint| *hint <= MAX_HINT)
}

fn absolute(address: &str, path: &Uri) -> Result<Uri, BoxError> {
    let mut parts = address.parse::<Uri>()?.into_parts();
    parts.path_and_query = Some(uri::PathAndQuery::try_from(path.path())?);
    Ok(Uri::from_parts(parts)?)
}
