//! What Google puts beside an error's message: `google.rpc` details.

use std::{borrow::Cow, time::Duration};

use buttress_call::Refused;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    duration,
    json::{each, field, text},
};

#[derive(Debug, Default)]
pub(super) struct Google {
    pub(super) is_one: bool,
    /// `RetryInfo.retryDelay`.
    pub(super) wait: Option<Duration>,
    /// A `quotaId` says so: waiting for `retryDelay` does not help.
    pub(super) per_day: bool,
    pub(super) refused: Option<Refused>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail<'a> {
    /// `ErrorInfo`
    #[serde(borrow)]
    reason: Option<&'a RawValue>,
    /// `RetryInfo`
    #[serde(rename = "retryDelay")]
    retry_delay: Option<&'a RawValue>,
    /// `QuotaFailure`
    violations: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Violation<'a> {
    #[serde(borrow, rename = "quotaId")]
    quota_id: Option<&'a RawValue>,
}

/// What `status` can be, in Google's spelling.
const STATUSES: [&str; 16] = [
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

impl Google {
    /// Reads the list of details, and the reason in it.
    pub(super) fn read<'a>(
        details: Option<&'a RawValue>,
        status: Option<&'a RawValue>,
    ) -> (Self, Option<Cow<'a, str>>) {
        let mut google = Google::default();
        let mut reason = None;
        google.is_one = text(status).is_some_and(|status| STATUSES.contains(&&*status));
        each(details, |detail| {
            let detail: Detail<'_> = field(Some(detail)).unwrap_or_default();
            reason = reason.take().or_else(|| text(detail.reason));
            google.wait = google.wait.or_else(|| duration::parse(&text(detail.retry_delay)?));
            each(detail.violations, |violation| {
                let violation: Violation<'_> = field(Some(violation)).unwrap_or_default();
                if let Some(id) = text(violation.quota_id) {
                    google.per_day |= id.contains("PerDay");
                    google.refused = google.refused.or_else(|| refused(&id));
                }
            });
        });
        google.wait = google.wait.filter(|wait| !wait.is_zero());
        (google, reason)
    }
}

/// `GenerateContentInputTokensPerModelPerMinute`, `GenerateRequestsPerMinutePerProjectPerModel`: only input counts.
fn refused(quota_id: &str) -> Option<Refused> {
    if quota_id.contains("Token") {
        Some(Refused::InputTokens)
    } else if quota_id.contains("Request") {
        Some(Refused::Requests)
    } else {
        None
    }
}
