//! The arms.

use serde::Serialize;

/// How the client keeps within the provider's limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policy {
    /// Not at all: it sends, and waits when it is told to.
    None,
    /// Input and mean output of the calls begun in each minute by the clock.
    Fixed,
    /// Input of the calls begun in the last 60 s.
    SlidingInput,
    /// Input and mean output of the calls begun in the last 60 s.
    SlidingMean,
    /// A bucket, charged with the input and the output cap, never settled.
    MaxTokens,
    /// A bucket, charged with the input and the p90 of outputs, and corrected at the end.
    DebitRefund,
    /// `LimitLayer`, told nothing but the limit.
    Hold,
    /// `LimitLayer`, reading the provider's rate-limit headers.
    HoldHeaders,
}

impl Policy {
    pub(crate) const ALL: [Policy; 8] = [
        Policy::None,
        Policy::Fixed,
        Policy::SlidingInput,
        Policy::SlidingMean,
        Policy::MaxTokens,
        Policy::DebitRefund,
        Policy::Hold,
        Policy::HoldHeaders,
    ];

    pub(crate) fn reads_headers(self) -> bool {
        self == Policy::HoldHeaders
    }
}
