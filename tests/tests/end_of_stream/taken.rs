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
    /// What the events say together.
    pub(crate) fn said(&self) -> String {
        let events = self.bytes.lines().filter_map(|line| line.strip_prefix("data:"));
        let events = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
        events
            .filter_map(|event| {
                let text =
                    event["choices"][0]["delta"]["content"].as_str().or(event["delta"]["text"].as_str());
                text.map(str::to_owned)
            })
            .collect()
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
