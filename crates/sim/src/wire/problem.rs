//! Why a request is refused, before a provider has put it in words.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};

use crate::bucket::Excess;

#[derive(Debug, Clone)]
pub(crate) enum Problem {
    NoKey,
    NoVersion,
    NotJson,
    Missing(&'static str),
    Invalid { field: &'static str, rule: &'static str },
    UnknownPath { method: Method, path: String },
    WrongMethod { method: Method, path: String },
    TooLarge,
    UnknownModel(String),
    ContextTooLong { window: u64, input: u64 },
    Exceeded { excess: Excess, model: String },
    RateLimit { wait: Option<Duration>, model: String },
    Quota,
    Status { status: u16, model: String },
}

impl Problem {
    pub(crate) fn unknown_path(method: &Method, uri: &Uri) -> Self {
        Self::UnknownPath { method: method.clone(), path: uri.path().to_owned() }
    }

    pub(crate) fn wrong_method(method: &Method, uri: &Uri) -> Self {
        Self::WrongMethod { method: method.clone(), path: uri.path().to_owned() }
    }

    /// The hint that goes with the refusal.
    pub(crate) fn wait(&self) -> Option<Duration> {
        match self {
            Self::Exceeded { excess, .. } => excess.wait,
            Self::RateLimit { wait, .. } => *wait,
            _ => None,
        }
    }
}

/// A refusal in a provider's own words.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) body: Bytes,
}

impl Refusal {
    pub(crate) fn json(status: u16, body: String) -> Self {
        Self { status: code(status), content_type: "application/json", body: body.into() }
    }

    /// What the proxy in front of a provider says when it cannot reach the provider.
    pub(crate) fn gateway(status: u16) -> Self {
        let status = code(status);
        let body = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n\
             <hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
        );
        Self { status, content_type: "text/html", body: body.into() }
    }

    /// What Google's front end says of its own.
    pub(crate) fn google(status: u16) -> Self {
        let status = code(status);
        let body = format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  <title>Error {} ({})!!1</title>\n",
            status.as_str(),
            status.canonical_reason().unwrap_or_default()
        );
        Self { status, content_type: "text/html; charset=UTF-8", body: body.into() }
    }
}

fn code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
