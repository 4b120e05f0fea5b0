//! One call, read to its end and judged the same way in both arms.

use std::time::Duration;

use buttress_call::BoxError;
use buttress_wire::{Decoder, Dialect};
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::arm::{Arm, DEADLINE, Request};

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) arm: &'static str,
    pub(crate) began: Instant,
    /// From the call to the first content.
    pub(crate) first_token: Option<Duration>,
    /// The whole answer arrived before the deadline.
    pub(crate) ok: bool,
}

pub(crate) async fn call(arm: &Arm) -> Sample {
    let began = Instant::now();
    let mut first_token = None;
    let answer = answer(arm, began, &mut first_token);
    // Both arms have the same caller, who does not wait any longer.
    let ok = matches!(tokio::time::timeout(DEADLINE, answer).await, Ok(Ok(true)));
    Sample { arm: arm.name, began, first_token, ok }
}

/// Whether the answer is a whole one.
async fn answer(arm: &Arm, began: Instant, first_token: &mut Option<Duration>) -> Result<bool, BoxError> {
    let response = arm.service().oneshot(request(arm.name)?).await?;
    if !response.status().is_success() {
        return Ok(false);
    }
    let mut body = response.into_body();
    let mut decoder = Decoder::new(Dialect::OpenAi);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let mut input = &data[..];
        while let Some(event) = decoder.next(&mut input) {
            if event.content && first_token.is_none() {
                *first_token = Some(began.elapsed());
            }
        }
    }
    Ok(decoder.close().complete)
}

/// The model is the arm's name, so that the providers can tell the arms apart.
fn request(model: &str) -> Result<Request, BoxError> {
    let prompt = "Say something about buttresses, in one paragraph, for somebody who has never seen one.";
    let body = serde_json::json!({
        "model": model, "stream": true, "messages": [{"role": "user", "content": prompt}]
    });
    Ok(http::Request::post("/v1/chat/completions")
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))?)
}
