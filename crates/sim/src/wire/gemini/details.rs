//! The details of an error: Google's machine-readable part.

use std::time::Duration;

use serde::Serialize;

use crate::bucket::Dimension;

#[derive(Serialize)]
#[serde(tag = "@type")]
pub(super) enum Detail {
    #[serde(rename = "type.googleapis.com/google.rpc.QuotaFailure")]
    QuotaFailure { violations: [Violation; 1] },
    #[serde(rename = "type.googleapis.com/google.rpc.Help")]
    Help { links: [Link; 1] },
    #[serde(rename = "type.googleapis.com/google.rpc.RetryInfo", rename_all = "camelCase")]
    RetryInfo { retry_delay: String },
    #[serde(rename = "type.googleapis.com/google.rpc.ErrorInfo")]
    ErrorInfo { reason: &'static str, domain: &'static str },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the wire's names")]
pub(super) struct Violation {
    quota_metric: &'static str,
    quota_id: &'static str,
    quota_dimensions: Dimensions,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota_value: Option<String>,
}

#[derive(Serialize)]
struct Dimensions {
    location: &'static str,
    model: String,
}

#[derive(Serialize)]
pub(super) struct Link {
    description: &'static str,
    url: &'static str,
}

impl Detail {
    pub(super) fn credentials_missing() -> Self {
        Self::ErrorInfo { reason: "CREDENTIALS_MISSING", domain: "googleapis.com" }
    }
}

/// An allowance, by the names that Google gives it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    pub(super) metric: &'static str,
    id: &'static str,
}

impl Quota {
    pub(super) const REQUESTS: Self = Self {
        metric: "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        id: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
    };
    pub(super) const TOKENS: Self = Self {
        metric: "generativelanguage.googleapis.com/generate_content_free_tier_input_token_count",
        id: "GenerateContentInputTokensPerModelPerMinute-FreeTier",
    };
    /// A day's, which no delay brings back.
    pub(super) const DAY: Self = Self {
        metric: "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        id: "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    };

    pub(super) fn of(dimension: Dimension) -> Self {
        match dimension {
            Dimension::Requests => Self::REQUESTS,
            Dimension::Tokens | Dimension::Output => Self::TOKENS,
        }
    }

    /// What an error says of it, with the delay if there is one.
    pub(super) fn failure(self, model: &str, limit: Option<u64>, delay: Option<&str>) -> Vec<Detail> {
        let violation = Violation {
            quota_metric: self.metric,
            quota_id: self.id,
            quota_dimensions: Dimensions { location: "global", model: model.to_owned() },
            quota_value: limit.map(|limit| limit.to_string()),
        };
        let link = Link {
            description: "Learn more about Gemini API quotas",
            url: "https://ai.google.dev/gemini-api/docs/rate-limits",
        };
        let mut details =
            vec![Detail::QuotaFailure { violations: [violation] }, Detail::Help { links: [link] }];
        details.extend(delay.map(|delay| Detail::RetryInfo { retry_delay: delay.to_owned() }));
        details
    }
}

/// A duration as protobuf writes it in JSON: milliseconds, rounded up, are the finest here.
pub(super) fn seconds(duration: Duration) -> String {
    let millis = duration.as_nanos().div_ceil(1_000_000);
    match millis % 1000 {
        0 => format!("{}s", millis / 1000),
        fraction => format!("{}.{fraction:03}s", millis / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_protobuf_writes_them() {
        let written = [0, 27_000, 1500, 9, 34_074].map(|millis| seconds(Duration::from_millis(millis)));
        assert_eq!(written, ["0s", "27s", "1.500s", "0.009s", "34.074s"]);
        assert_eq!(seconds(Duration::from_nanos(1)), "0.001s");
    }
}
