//! Retry's own check of an answer, over HTTP: through the layers that wrap the body.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use buttress_call::BoxError;
use buttress_provider::{Commit, Provider, ProviderLayer, Whole};
use buttress_retry::{Retries, RetryLayer, RetryPolicy};
use buttress_timeout::{TimeoutLayer, Timeouts};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tower::{ServiceBuilder, ServiceExt, service_fn};

const BAD: &str = r#"{"choices":[{"message":{"content":"Sure! Here is your JSON:"}}]}"#;
const GOOD: &str = r#"{"choices":[{"message":{"content":"{\"a\":1}"}}]}"#;

/// Whether the model kept to the format that it was asked for.
fn keeps_format<B>(response: &Response<B>) -> Result<(), BoxError> {
    let answer = Whole::of(response).ok_or("the answer was not held")?;
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    serde_json::from_str::<serde_json::Value>(
        answer["choices"][0]["message"]["content"].as_str().unwrap_or_default(),
    )?;
    Ok(())
}

fn request() -> Request<Full<Bytes>> {
    Request::post("/").body(Full::from(r#"{"model":"m"}"#)).unwrap()
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_the_wrong_format_is_asked_for_again_and_the_good_one_delivered_whole() {
    for (answers, expected) in [([BAD, GOOD], Some(GOOD)), ([GOOD, BAD], Some(GOOD)), ([BAD, BAD], None)] {
        let asked = AtomicUsize::new(0);
        let client = service_fn(|_: Request<Full<Bytes>>| {
            let body = answers[asked.fetch_add(1, SeqCst)];
            let response = Response::builder().header("content-type", "application/json");
            std::future::ready(Ok::<_, Infallible>(response.body(Full::from(body)).unwrap()))
        });
        let timeouts = Timeouts { total: Some(Duration::from_secs(60)), ..Timeouts::default() };
        let policy = RetryPolicy::new(Retries::default()).unwrap().validate(1, keeps_format);
        let service = ServiceBuilder::new()
            .layer(RetryLayer::new(policy))
            .layer(TimeoutLayer::new(timeouts).unwrap())
            .layer(ProviderLayer::new(Provider::openai().api_key("k")).unwrap())
            .service(client);
        let answer = service.oneshot(request()).await;
        assert_eq!(answer.is_ok(), expected.is_some(), "{answer:?}");
        if let (Ok(answer), Some(expected)) = (answer, expected) {
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_held_to_its_end_cannot_be_checked() {
    let client = service_fn(|_: Request<Full<Bytes>>| {
        let response = Response::builder().header("content-type", "application/json");
        std::future::ready(Ok::<_, Infallible>(response.body(Full::from(GOOD)).unwrap()))
    });
    let layer = ProviderLayer::new(Provider::openai().api_key("k")).unwrap().commit_whole(Commit::Head);
    let answer = ServiceBuilder::new().layer(layer).service(client).oneshot(request()).await.unwrap();
    assert!(keeps_format(&answer).is_err());
}
