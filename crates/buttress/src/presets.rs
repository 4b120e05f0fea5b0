//! Numbers for three kinds of work.
//!
//! A preset is a [`Policies`]: a plain value. Change what you need by struct update, and make a stack of it:
//!
//! ```
//! use buttress::{Policies, presets, provider::Provider, retry::Retries};
//! # use buttress::BoxError;
//! # let client = tower::service_fn(|_: http::Request<http_body_util::Full<bytes::Bytes>>| async {
//! #     Ok::<_, BoxError>(http::Response::new(http_body_util::Full::new(bytes::Bytes::new())))
//! # });
//!
//! let policies = presets::interactive();
//! let policies = Policies { retries: Retries { attempts: 2, ..policies.retries }, ..policies };
//! let llm = policies.target("openai", Provider::openai().api_key("sk-..."), client)?;
//! # let _ = llm;
//! # Ok::<(), BoxError>(())
//! ```
//!
//! **The time-out** is that of an attempt: what a stream may take to its first content, and a whole answer to its end. A
//! stream that has begun may go on for as long as no 30 s (no time-out, where that is shorter) pass without content. The
//! whole call, waits and all, has the layers' 10 minutes, except in [`batch`].
//!
//! **The retries** go to the same target, after full jitter over the base, its double, and so on, up to the longest wait;
//! a provider's hint is waited for if it is no longer than that. They come out of a budget of 20 % of the calls plus 10 a
//! second. A time-out is not retried, and where [another target can serve](crate::call::Call::another_can_serve) a call
//! goes on to that one after a single retry.
//!
//! **The breaker** opens on failures in a row, far more of them than a provider has by chance while a third of its calls
//! fail: with one target alone an open circuit is an outage of its own making.

use std::time::Duration;

use crate::{
    Policies,
    breaker::{self, OpenFor},
    retry::{Backoff, Retries},
    timeout::Timeouts,
};

/// 5 retries from 0.5 s to 30 s; 60 s time-out; a breaker that 20 failures in a row open for 5 s, doubling to 60 s.
///
/// For services under load: it rides out stumbles, and lets go of a provider that is down.
pub fn high_throughput() -> Policies {
    Policies {
        attempt: within(secs(60)),
        retries: retries(5, Duration::from_millis(500), secs(30)),
        breaker: Some(in_a_row(20)),
        ..Policies::default()
    }
}

/// 2 retries from 1 s to 10 s; 15 s time-out; no breaker.
///
/// For somebody who looks at the screen: an answer soon, or an error soon.
pub fn interactive() -> Policies {
    Policies {
        attempt: within(secs(15)),
        retries: retries(2, secs(1), secs(10)),
        breaker: None,
        ..Policies::default()
    }
}

/// 10 retries from 2 s to 120 s; 300 s time-out; no limit on the whole call; a breaker that 20 failures in a row open for
/// 5 s, doubling to 60 s.
///
/// For work that nobody waits for: long answers, and patience with a provider that asks for it.
pub fn batch() -> Policies {
    Policies {
        total: None,
        attempt: within(secs(300)),
        retries: retries(10, secs(2), secs(120)),
        breaker: Some(in_a_row(20)),
        ..Policies::default()
    }
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// One attempt's limits, of a time-out.
pub(crate) fn within(time_out: Duration) -> Timeouts {
    let idle = Timeouts::attempt().idle.map(|idle| idle.min(time_out));
    Timeouts { total: None, first_content: Some(time_out.into()), idle, answer: Some(time_out.into()) }
}

pub(crate) fn retries(retries: u8, base: Duration, longest: Duration) -> Retries {
    Retries {
        attempts: retries.saturating_add(1),
        backoff: Backoff { base, cap: longest, ..Backoff::default() },
        hint_cap: longest,
        ..Retries::default()
    }
}

fn in_a_row(failures: u32) -> breaker::Policy {
    breaker::Policy {
        consecutive_failures: Some(failures),
        open: OpenFor::Backoff { min: secs(5), max: secs(60) },
        ..breaker::Policy::default()
    }
}
