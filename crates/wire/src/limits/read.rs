//! Reading numbers and times out of headers.

use std::time::{Duration, SystemTime};

use buttress_call::{Limit, hint::MAX_HINT};
use http::{HeaderMap, header};
use jiff::{Timestamp, fmt::rfc2822};

use crate::duration;

/// Where one limit of one window is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names {
    pub(super) limit: &'static str,
    pub(super) remaining: &'static str,
    pub(super) reset: &'static str,
    /// `None`: the reset tells.
    pub(super) window: Option<Duration>,
}

pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) struct Read<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) now: SystemTime,
}

impl Read<'_> {
    /// The first of these limits that the answer says anything of.
    pub(super) fn first(&self, all: &[Names]) -> Limit {
        all.iter().map(|names| self.limit(names)).find(|limit| !limit.is_empty()).unwrap_or_default()
    }

    fn limit(&self, names: &Names) -> Limit {
        let mut read = Limit::default();
        read.limit = self.number(names.limit);
        read.remaining = self.number(names.remaining);
        // Azure sends -1, -1 and 0 for "unknown": a reset of nothing says nothing.
        if !read.is_empty() {
            read.reset = self.reset(names.reset);
            read.window = names.window.or_else(|| Some(if read.reset? > MINUTE { DAY } else { MINUTE }));
        }
        read
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// The time until the reset; zero if that is past.
    ///
    /// Vendors write it as a wait, as a time, or as seconds or milliseconds since 1970. No two of these look alike.
    pub(super) fn reset(&self, name: &str) -> Option<Duration> {
        const BEFORE_2001: f64 = 1e9;
        const BEFORE_5138: f64 = 1e11;

        let text = self.text(name)?;
        let at = match text.parse::<f64>() {
            Ok(number) if number >= BEFORE_5138 => Timestamp::from_millisecond(number as i64).ok()?,
            Ok(number) if number >= BEFORE_2001 => Timestamp::from_second(number as i64).ok()?,
            Ok(_) => return duration::parse(text),
            Err(_) => match text.parse() {
                Ok(at) => at,
                Err(_) => return duration::parse(text),
            },
        };
        let wait = at.duration_since(self.clock()?);
        Some(if wait.is_negative() { Duration::ZERO } else { wait.unsigned_abs().min(MAX_HINT) })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok().map(str::trim)
    }

    /// The server's own clock where it shows it, so that a skewed clock here does not stretch a reset.
    fn clock(&self) -> Option<Timestamp> {
        let date = self.text(header::DATE.as_str());
        date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok())
            .or_else(|| Timestamp::try_from(self.now).ok())
    }
}
