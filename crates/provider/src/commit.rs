//! When an answer is let through.

use std::time::Duration;

/// How much of an answer is held back before the caller sees it.
///
/// While it is held, a failure is an `Err` that layers outside can retry, fail over or hedge, and the caller never
/// knows. Once it is let through, a failure can only end the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Commit {
    /// As soon as the head is there: nothing is held.
    Head,
    /// At the first content event. The default for streams.
    ///
    /// Also at a clean end without content (a good, empty answer), and after `within` since the head, so that a model
    /// that thinks in silence does not starve the proxies behind of headers and pings.
    FirstContent {
        /// The longest that the head is held back.
        within: Duration,
    },
    /// At the end: the whole answer is checked first. The default for answers that are not streams; for a stream it
    /// buys that even a cut one can be tried again, at the price of its time to first token.
    End {
        /// What is held at most; a longer answer passes through from there.
        max_bytes: usize,
    },
}

impl Commit {
    /// The default for streams: first content, or 45 s. Proxies commonly give up on a silent upstream after 60 s.
    pub const STREAM: Commit = Commit::FirstContent { within: Duration::from_secs(45) };

    /// The default for answers that are not streams: the end, or 16 MiB.
    pub const WHOLE: Commit = Commit::End { max_bytes: 16 << 20 };
}
