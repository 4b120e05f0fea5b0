//! Errors as values.

use std::{error::Error, fmt, time::SystemTime};

use buttress_call::{Failure, Kind, Refused, hint};
use http::{HeaderMap, StatusCode};

use crate::{
    Answer, Dialect, Vendor, answer,
    classify::{by_phrase, by_status, refine, refused},
    details::Details,
    duration, limits,
};

/// The longest message kept. Enough to read; not enough to carry somebody's prompt around.
const MAX_MESSAGE: usize = 1024;
/// The longest code kept.
const MAX_CODE: usize = 128;

/// What a provider said when it failed, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiError {
    /// The kind, and the wait that the provider asked for.
    pub failure: Failure,
    /// The structured code, or else the type, at most 128 bytes.
    pub code: Option<Box<str>>,
    /// The message, at most 1 KiB. It may quote the request.
    pub message: Box<str>,
    /// Which allowance ran out, if it is a refusal for the rate that says so.
    pub refused: Option<Refused>,
}

impl ApiError {
    /// An error that was found by other means. Code and message are cut to their limits.
    pub fn new(failure: impl Into<Failure>, code: Option<&str>, message: &str) -> ApiError {
        ApiError {
            failure: failure.into(),
            code: code.map(|code| bounded(code, MAX_CODE).into()),
            message: bounded(message, MAX_MESSAGE).into(),
            refused: None,
        }
    }

    /// Reads an event that is known to be an error, or a body with a 200 that is: `error` as an object or a text, or its
    /// fields at the top, by code, then (numeric) status, then wording.
    pub fn of_event(vendor: impl Into<Vendor>, data: &[u8]) -> ApiError {
        Self::inside(vendor, data)
    }

    /// Reads an answer whose status says that it is an error.
    ///
    /// A structured code decides before the status, the status before the message's wording. The wait is that of the
    /// headers ([`hint::retry_after`]), or else what the body asks for (Google's `retryDelay`, "try again in 4.77s"), or
    /// else, on a refusal for the rate, the vendor's reset where that says when the next call may pass. `now` is only used
    /// for times in an answer that has no `date` of its own.
    pub fn from_answer(
        vendor: impl Into<Vendor>,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> ApiError {
        let vendor = vendor.into();
        let status = Some(status.as_u16()).filter(|status| *status >= 400);
        let details = Self::details(body).with_exception(headers);
        let mut error = Self::conclude(vendor, status, &details);
        if error.failure.kind == Kind::RateLimited && limits::nothing_allowed(headers) {
            error.failure.kind = Kind::Quota;
        }
        let reset = || match error.failure.kind {
            Kind::RateLimited => {
                limits::wait(vendor, headers, now).or_else(|| limits::wait(vendor, &details.headers(), now))
            }
            _ => None,
        };
        let hint = hint::retry_after(headers, now).or(error.failure.retry_after).or_else(reset);
        error.failure = error.failure.with_retry_after(hint);
        error
    }

    /// Reads a whole JSON body that came with a 200 and may hold an error all the same.
    pub fn in_body(dialect: Dialect, body: &[u8]) -> Option<ApiError> {
        match answer(dialect, body) {
            Answer::Error(error) => Some(error),
            Answer::Complete { .. } | Answer::Broken(_) => None,
        }
    }

    /// Reads an event, or a body with a 200, that is known to be an error.
    pub(crate) fn inside(vendor: impl Into<Vendor>, body: &[u8]) -> ApiError {
        Self::conclude(vendor, None, &Self::details(body))
    }

    /// Reads the error that an event of this name is.
    pub(crate) fn named(vendor: impl Into<Vendor>, name: &[u8], data: &[u8]) -> ApiError {
        Self::conclude(vendor, None, &Self::details(data).named(String::from_utf8_lossy(name)))
    }

    fn details(body: &[u8]) -> Details<'_> {
        let mut details = Details::of_body(body);
        if details.message.is_none() && !body.trim_ascii_start().starts_with(b"{") {
            // A proxy's page, or plain text.
            details.message = Some(String::from_utf8_lossy(head(body)));
        }
        details
    }

    /// Says what the details mean. Without a status they came inside a 200.
    pub(crate) fn conclude(
        vendor: impl Into<Vendor>,
        status: Option<u16>,
        details: &Details<'_>,
    ) -> ApiError {
        let vendor = match vendor.into() {
            // Through a gateway, or its own API in OpenAI's dialect.
            Vendor::Other if details.is_google() => Vendor::Gemini,
            vendor => vendor,
        };
        let message = bounded(details.message.as_deref().unwrap_or_default().trim(), MAX_MESSAGE);
        let lower = message.to_ascii_lowercase();
        // Inside a 200 a numeric code stands in for the status.
        let number = details.status();
        let inside = if status.is_none() { number } else { None };
        let named = details.by_type();
        let kind = details
            .by_code()
            .or_else(|| by_status(vendor, details.original_status().or(inside)?))
            // A type may say more than the status (`insufficient_quota` is a 429), but "it is our fault" never does.
            .or_else(|| named.filter(|kind| *kind != Kind::Server))
            .or_else(|| by_status(vendor, status?))
            .or(named)
            .map_or_else(|| by_phrase(&lower), |kind| refine(vendor, kind, status.or(number), &lower));
        let kind = if kind == Kind::RateLimited && details.per_day() { Kind::Quota } else { kind };
        let hint = match kind {
            Kind::RateLimited | Kind::Overloaded | Kind::Server => {
                details.wait().or_else(|| duration::in_message(&lower))
            }
            _ => None,
        };
        let limited = kind == Kind::RateLimited;
        ApiError {
            failure: Failure::new(kind).with_retry_after(hint),
            code: details.code().map(|code| bounded(code, MAX_CODE).into()),
            refused: limited.then(|| details.refused().or_else(|| refused(&lower))).flatten(),
            message: message.into(),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.failure)?;
        if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        if self.message.is_empty() { Ok(()) } else { write!(f, ": {}", self.message) }
    }
}

impl Error for ApiError {}

/// The part of a body that a message can be made of. Cutting a character in two costs only that character.
fn head(body: &[u8]) -> &[u8] {
    let body = body.trim_ascii_start();
    &body[..body.len().min(MAX_MESSAGE)]
}

/// At most `max` bytes of a text, cut between characters.
fn bounded(text: &str, max: usize) -> &str {
    let mut end = text.len().min(max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
