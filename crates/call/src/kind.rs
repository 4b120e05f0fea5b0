//! The kinds of failure, and what each one means to a layer.

use std::{fmt, time::Duration};

/// Why a call failed.
///
/// Each layer asks the kind what to do; the answers are the methods below, and together they are this table:
///
/// | kind | retry the same target | fail over | breaker counts it | cools | limiter |
/// |---|---|---|---|---|---|
/// | `Connect` | backoff | yes | yes | - | gives all back |
/// | `Server` | backoff | yes | yes | - | by the provider's profile |
/// | `Overloaded` | backoff, unless another target is free | yes | yes | - | by the provider's profile |
/// | `Timeout` | no | yes | yes | - | keeps the input |
/// | `Broken` | backoff | yes | yes | - | keeps the input; after first content, by count |
/// | `RateLimited` | after the hint, unless another target is free | yes | no | the target, for the hint | gives all back |
/// | `Quota`, `Auth` | no | yes | no | the target, 5 min | gives all back |
/// | `NotFound` | no | yes | no | that model on the target, 5 min | gives all back |
/// | `ContextTooLong` | no | to a larger window | no | - | gives all back |
/// | `Filtered`, `Invalid` | no | no | no | - | gives all back |
/// | `Rejected` | no | yes | no | - | nothing was held |
///
/// A call that broke *after* its first content is never tried again: the caller has part of the answer. No layer
/// needs to check for it, because by then the call's future has resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Kind {
    /// No connection: refused, unreachable, no such name, TLS failed. Nothing was sent.
    Connect,
    /// No answer, or no first content, in time.
    Timeout,
    /// The answer was cut, or was not what the protocol says.
    Broken,
    /// The provider failed: a 500 and its like.
    Server,
    /// The provider has no capacity now: 503, 529, or an event that says so.
    Overloaded,
    /// Too many requests or tokens for this account, for now.
    RateLimited,
    /// The account's money or allowance is used up; waiting does not help.
    Quota,
    /// The key is wrong, or may not do this.
    Auth,
    /// No such model, deployment or path.
    NotFound,
    /// The prompt does not fit the model's window.
    ContextTooLong,
    /// A content policy refused the prompt or the answer.
    Filtered,
    /// The request itself is wrong; it would be wrong anywhere.
    Invalid,
    /// A layer on this side said no; the provider was not asked.
    Rejected,
}

/// Whether a failed call may be sent again to the same target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Never: it would fail again, or cost too much.
    Never,
    /// After a backoff.
    Backoff,
    /// After a backoff, but only if no other target can serve.
    BackoffIfAlone,
    /// After the provider's hint (a backoff if there is none), but only if no other target can serve.
    HintIfAlone,
}

/// What a failover layer takes out of service after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cooling {
    /// Nothing.
    None,
    /// The target, for as long as the hint says; nothing if there is no hint.
    TargetForHint,
    /// The target, for this long or for the hint if it is longer.
    Target(Duration),
    /// The model that was asked for, on this target, for this long.
    Model(Duration),
}

/// What a limiter does with what it holds for a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Settle {
    /// The provider charged nothing: give all back.
    GiveBack,
    /// It depends on the provider whether failed requests count ([`Charging`](crate::Charging)).
    ByProfile,
    /// The provider has most likely read the prompt: keep the input, give the output back.
    KeepInput,
}

/// How long `Quota`, `Auth` and `NotFound` keep a target or a model out of service: such states are mended by people.
const LONG_COOLING: Duration = Duration::from_secs(5 * 60);

impl Kind {
    /// Every kind, in the order of the table.
    pub const ALL: [Kind; 13] = [
        Kind::Connect,
        Kind::Timeout,
        Kind::Broken,
        Kind::Server,
        Kind::Overloaded,
        Kind::RateLimited,
        Kind::Quota,
        Kind::Auth,
        Kind::NotFound,
        Kind::ContextTooLong,
        Kind::Filtered,
        Kind::Invalid,
        Kind::Rejected,
    ];

    /// Whether the call may be sent again to the same target.
    pub const fn retry(self) -> Retry {
        match self {
            Kind::Connect | Kind::Server | Kind::Broken => Retry::Backoff,
            Kind::Overloaded => Retry::BackoffIfAlone,
            Kind::RateLimited => Retry::HintIfAlone,
            _ => Retry::Never,
        }
    }

    /// Whether another target may succeed where this one failed.
    pub const fn fails_over(self) -> bool {
        !matches!(self, Kind::Filtered | Kind::Invalid)
    }

    /// Whether a circuit breaker counts it against the target.
    pub const fn trips(self) -> bool {
        matches!(self, Kind::Connect | Kind::Timeout | Kind::Broken | Kind::Server | Kind::Overloaded)
    }

    /// What a failover layer takes out of service.
    pub const fn cools(self) -> Cooling {
        match self {
            Kind::RateLimited => Cooling::TargetForHint,
            Kind::Quota | Kind::Auth => Cooling::Target(LONG_COOLING),
            Kind::NotFound => Cooling::Model(LONG_COOLING),
            _ => Cooling::None,
        }
    }

    /// What a limiter does with what it holds. After first content it settles by count instead.
    pub const fn settle(self) -> Settle {
        match self {
            Kind::Server | Kind::Overloaded => Settle::ByProfile,
            Kind::Timeout | Kind::Broken => Settle::KeepInput,
            _ => Settle::GiveBack,
        }
    }

    /// The kind that an HTTP status alone suggests, or `None` for a status below 400.
    ///
    /// Providers say more in their bodies than in their statuses; this is the last resort, for an answer that nobody
    /// decoded.
    pub const fn from_status(status: http::StatusCode) -> Option<Kind> {
        Some(match status.as_u16() {
            0..400 => return None,
            401 | 403 => Kind::Auth,
            402 => Kind::Quota,
            404 | 410 => Kind::NotFound,
            408 | 504 | 524 => Kind::Timeout,
            409 | 424 => Kind::Server,
            429 => Kind::RateLimited,
            503 | 529 => Kind::Overloaded,
            499 => Kind::Broken,
            400..500 => Kind::Invalid,
            _ => Kind::Server,
        })
    }

    /// The HTTP status with which a gateway passes the failure on, when there is no status of the provider's own.
    pub const fn status(self) -> http::StatusCode {
        use http::StatusCode as S;
        match self {
            Kind::Connect | Kind::Broken | Kind::Server => S::BAD_GATEWAY,
            Kind::Timeout => S::GATEWAY_TIMEOUT,
            Kind::Overloaded | Kind::Rejected => S::SERVICE_UNAVAILABLE,
            Kind::RateLimited | Kind::Quota => S::TOO_MANY_REQUESTS,
            Kind::Auth => S::UNAUTHORIZED,
            Kind::NotFound => S::NOT_FOUND,
            Kind::ContextTooLong | Kind::Filtered | Kind::Invalid => S::BAD_REQUEST,
        }
    }

    /// The kind's name in logs, metrics and tables: lower case with underscores.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Connect => "connect",
            Kind::Timeout => "timeout",
            Kind::Broken => "broken",
            Kind::Server => "server",
            Kind::Overloaded => "overloaded",
            Kind::RateLimited => "rate_limited",
            Kind::Quota => "quota",
            Kind::Auth => "auth",
            Kind::NotFound => "not_found",
            Kind::ContextTooLong => "context_too_long",
            Kind::Filtered => "filtered",
            Kind::Invalid => "invalid",
            Kind::Rejected => "rejected",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_variant_in_snake_case() {
        for kind in Kind::ALL {
            let debug = format!("{kind:?}");
            let squeezed: String = kind.as_str().chars().filter(|c| *c != '_').collect();
            assert_eq!(debug.to_lowercase(), squeezed);
        }
    }

    #[cfg(feature = "serde")]
    #[test]
    fn it_is_serialized_by_its_name() {
        for kind in Kind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_rate_limit_never_trips_a_breaker() {
        assert!(!Kind::RateLimited.trips());
    }

    #[test]
    fn what_would_be_wrong_anywhere_is_neither_retried_nor_failed_over() {
        for kind in [Kind::Filtered, Kind::Invalid] {
            assert_eq!(kind.retry(), Retry::Never);
            assert!(!kind.fails_over());
        }
    }

    #[test]
    fn every_error_status_has_a_kind_and_no_other_status_has() {
        for code in 100..1000 {
            let status = http::StatusCode::from_u16(code).unwrap();
            assert_eq!(Kind::from_status(status).is_some(), code >= 400, "{code}");
        }
    }
}
