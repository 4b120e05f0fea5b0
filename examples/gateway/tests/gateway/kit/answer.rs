//! A streamed answer as a client of OpenAI's reads it.

use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

/// What the caller was told at the end.
#[derive(Debug, PartialEq)]
pub(crate) enum Told {
    /// `[DONE]`, and nothing after it.
    Done,
    /// An error event, and nothing after it.
    Error(Value),
    /// An answer that is an error from the start.
    Refused(Value),
    /// Nothing: the stream stopped as if it were whole, without being so.
    Nothing,
    /// What a client cannot read.
    Nonsense(String),
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// The `model` that each chunk names, without repetitions.
    pub(crate) models: Vec<String>,
    /// The `id` of each chunk, without repetitions.
    pub(crate) ids: Vec<String>,
    pub(crate) text: String,
    pub(crate) told: Told,
    pub(crate) raw: String,
}

impl Answer {
    pub(crate) async fn read(response: Response<Incoming>) -> Answer {
        let (parts, mut body) = response.into_parts();
        let mut raw = Vec::new();
        let mut broken = None;
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => raw.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(error) => broken = Some(error.to_string()),
            }
        }
        let raw = String::from_utf8_lossy(&raw).into_owned();
        let mut answer = Answer {
            status: parts.status,
            headers: parts.headers,
            models: Vec::new(),
            ids: Vec::new(),
            text: String::new(),
            told: Told::Nothing,
            raw: raw.clone(),
        };
        if parts.status.is_success() {
            for event in raw.split_inclusive("\n\n") {
                answer.event(event);
            }
        } else {
            answer.told = match serde_json::from_str(&raw) {
                Ok(body) => Told::Refused(body),
                Err(_) => Told::Nonsense(raw),
            };
        }
        if let Some(broken) = broken {
            answer.told = Told::Nonsense(format!("{:?}, then the connection broke: {broken}", answer.told));
        }
        answer
    }

    fn event(&mut self, event: &str) {
        let nonsense = |event: &str| Told::Nonsense(event.to_owned());
        let Some(data) = event.strip_prefix("data: ").and_then(|event| event.strip_suffix("\n\n")) else {
            if !event.starts_with(':') && !event.trim().is_empty() {
                self.told = nonsense(event);
            }
            return;
        };
        if self.told != Told::Nothing {
            self.told = nonsense(event);
        } else if data == "[DONE]" {
            self.told = Told::Done;
        } else {
            let Ok(chunk) = serde_json::from_str::<Value>(data) else { return self.told = nonsense(event) };
            if chunk.get("error").is_some() {
                return self.told = Told::Error(chunk);
            }
            note(&mut self.models, &chunk["model"]);
            note(&mut self.ids, &chunk["id"]);
            self.text += chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default();
        }
    }

    pub(crate) fn target(&self) -> &str {
        self.headers.get("x-buttress-target").map_or("", |name| name.to_str().unwrap())
    }
}

fn note(list: &mut Vec<String>, value: &Value) {
    let value = value.as_str().unwrap_or("none");
    if list.last().is_none_or(|last| last != value) {
        list.push(value.to_owned());
    }
}
