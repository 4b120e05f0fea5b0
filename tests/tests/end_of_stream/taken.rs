//! All that came of an answer.

use std::time::Duration;

use buttress_call::{Ended, Error, Kind, Outcome};
use bytes::BytesMut;
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;

use crate::line::{Answer, completion};

/// All that came of an answer.
pub(crate) struct Taken {
    pub(crate) bytes: String,
    pub(crate) error: Option<Error>,
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
}

pub(crate) async fn take(answer: Answer) -> Taken {
    let completion = completion(&answer);
    let begun = Instant::now();
    let mut body = answer.into_body();
    let mut bytes = BytesMut::new();
    let mut error = None;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Err(broken) => error = Some(*broken.downcast::<Error>().unwrap()),
        }
    }
    Taken {
        bytes: String::from_utf8(bytes.to_vec()).unwrap(),
        error,
        ended: completion.ended().expect("the end is told before the body's"),
        took: begun.elapsed(),
    }
}

impl Taken {
    /// The JSON of each event that is one, `None` for what is broken. `[DONE]` is none, nor what stands bare among events.
    pub(crate) fn events(&self) -> Vec<Option<Value>> {
        let text = &self.bytes;
        let events: Vec<&str> = if let Some(elements) = text.strip_prefix('[') {
            elements.trim_end().trim_end_matches(']').split(",\r\n").collect()
        } else if text.lines().any(|line| line.starts_with("data:")) {
            text.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
        } else {
            text.lines().collect()
        };
        let events = events.into_iter().filter(|event| *event != "[DONE]");
        events.map(|event| serde_json::from_str(event).ok()).collect()
    }

    /// What the events say together.
    pub(crate) fn said(&self) -> String {
        self.events().iter().flatten().filter_map(text).collect()
    }

    #[track_caller]
    pub(crate) fn is_success(&self) {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.ended.outcome, Outcome::Success);
    }

    #[track_caller]
    pub(crate) fn is_broken(&self) -> &Error {
        let error = self.error.as_ref().expect("the body ends in an error");
        assert_eq!(error.kind(), Kind::Broken);
        assert_eq!(self.ended.outcome, error.failure().into());
        assert_eq!(self.ended.usage, error.usage());
        error
    }
}

/// The text of an event, or of a whole answer.
pub(crate) fn text(event: &Value) -> Option<&str> {
    let (choice, candidate) = (&event["choices"][0], &event["candidates"][0]);
    let places = [
        &choice["delta"]["content"],
        &choice["message"]["content"],
        &event["delta"]["text"],
        &event["content"][0]["text"],
        &candidate["content"]["parts"][0]["text"],
        &event["message"]["content"],
        &event["response"],
    ];
    places.into_iter().find_map(Value::as_str)
}
