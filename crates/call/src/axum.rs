//! An [`Error`] as an answer of an axum handler.

use std::time::Duration;

use axum_core::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::Error;

/// Headers that belong to the connection the answer came over, or to a body that is no longer framed as it was.
const NOT_PASSED_ON: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::SET_COOKIE,
];

impl IntoResponse for Error {
    /// The provider's own answer if it gave one with an error status, else a status by kind and a JSON body in the
    /// form that OpenAI's clients read. `Retry-After` is set whenever a wait is known.
    fn into_response(self) -> Response {
        let mut response = match self.upstream().filter(|answer| answer.status.as_u16() >= 400) {
            Some(answer) => {
                let mut response = Response::new(Body::from(answer.body.clone()));
                *response.status_mut() = answer.status;
                *response.headers_mut() = answer.headers.clone();
                for name in NOT_PASSED_ON {
                    response.headers_mut().remove(name);
                }
                response
            }
            None => by_kind(&self),
        };
        if let Some(wait) = self.retry_after() {
            set_retry_after(response.headers_mut(), wait);
        }
        response
    }
}

fn by_kind(error: &Error) -> Response {
    let body = serde_json::json!({
        "error": {"message": error.to_string(), "type": error.kind().as_str(), "param": null, "code": error.code()}
    });
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = error.status();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn set_retry_after(headers: &mut HeaderMap, wait: Duration) {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;
    use http_body_util::BodyExt;

    use super::*;
    use crate::{Failure, Kind, Origin, Upstream};

    async fn body(response: Response) -> String {
        String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_providers_own_answer_passes_unchanged_but_for_the_connections_headers() {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static("req_1"));
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        let answer =
            Upstream::new(StatusCode::TOO_MANY_REQUESTS, headers, Bytes::from_static(b"{\"error\":{}}"));
        let failure = Failure::new(Kind::RateLimited).with_retry_after(Some(Duration::from_millis(1_200)));
        let response =
            Error::new(failure, Origin::Upstream, "slow down").with_upstream(answer).into_response();
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.headers()["x-request-id"], "req_1");
        assert_eq!(response.headers()["retry-after"], "2");
        assert!(!response.headers().contains_key(header::TRANSFER_ENCODING));
        assert_eq!(body(response).await, "{\"error\":{}}");
    }

    #[tokio::test]
    async fn a_local_error_is_json_with_a_status_by_kind() {
        let error = Error::new(Kind::Rejected, Origin::Layer("breaker"), "a \"quote\",\na line, an é");
        let response = error.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = body(response).await;
        assert!(body.contains(r#""type":"rejected""#), "{body}");
        assert!(body.contains(r#"a \"quote\",\na line"#), "{body}");
    }

    #[tokio::test]
    async fn an_error_inside_a_200_is_not_passed_on_as_a_200() {
        let answer = Upstream::new(StatusCode::OK, HeaderMap::new(), Bytes::new());
        let error = Error::new(Kind::Server, Origin::Upstream, "failed").with_upstream(answer);
        assert_eq!(error.into_response().status(), StatusCode::BAD_GATEWAY);
    }
}
