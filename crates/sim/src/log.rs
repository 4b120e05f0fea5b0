//! What the provider saw: one line a call, kept in a ring.

use std::{collections::VecDeque, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::Fault;

/// The log keeps this many calls; older ones are dropped.
pub const LOG_CAPACITY: usize = 100_000;

/// One call, as the provider saw it. All times are since the sim was made, on tokio's clock.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Seen {
    /// Its place among all calls, from 0.
    pub number: u64,
    /// When it arrived.
    pub at: Duration,
    /// Method and path, as `POST /v1/messages`.
    pub target: String,
    /// The request's headers; keys are replaced with `***`.
    pub headers: HeaderMap,
    /// The connection it came over, from 1. 0 in process.
    pub connection: u64,
    /// The model it named; this and the next two are empty until a sound request was read, as is `input_tokens`.
    pub model: String,
    /// Whether it asked for a stream.
    pub stream: bool,
    /// The most output tokens it allowed.
    pub max_tokens: Option<u64>,
    /// The fault that struck it. One that only slows it down is not told.
    pub fault: Option<Fault>,
    /// The answer's status, once there was one.
    pub status: Option<StatusCode>,
    /// How it ended.
    pub end: Ending,
    /// When it ended. Later deliveries, as of a body kept open, do not count.
    pub ended_at: Option<Duration>,
    /// When the first token was sent; for a whole answer, when it was complete.
    pub first_token_at: Option<Duration>,
    /// Tokens of its messages, so many as were read: their bytes / 4, rounded up.
    pub input_tokens: u64,
    /// Tokens handed to the client.
    pub output_tokens_sent: u64,
    /// Tokens the provider charges for: the input and all that was generated, from when generation began.
    pub billed: u64,
}

/// How a call ended, as the provider saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It has not.
    InFlight,
    /// The whole answer was handed over.
    Answered,
    /// The provider said no for a reason of its own: bad request, no key, rate limit.
    Refused,
    /// The client went away first.
    Cancelled,
    /// A fault ended or spoiled it.
    Faulted,
}

impl Seen {
    pub(crate) fn arrived(at: Duration, target: String, mut headers: HeaderMap, connection: u64) -> Self {
        let keys = ["x-api-key", "x-goog-api-key"].map(HeaderName::from_static);
        for name in keys.into_iter().chain([header::AUTHORIZATION]) {
            if let Some(value) = headers.get_mut(&name) {
                *value = HeaderValue::from_static("***");
                value.set_sensitive(true);
            }
        }
        Self {
            number: 0,
            at,
            target,
            headers,
            connection,
            model: String::new(),
            stream: false,
            max_tokens: None,
            fault: None,
            status: None,
            end: Ending::InFlight,
            ended_at: None,
            first_token_at: None,
            input_tokens: 0,
            output_tokens_sent: 0,
            billed: 0,
        }
    }
}

/// The ring. Numbers in it are consecutive, so an entry is found by subtraction.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Seen>,
    next: u64,
    in_flight: usize,
}

impl Log {
    pub(crate) fn push(&mut self, mut seen: Seen) -> u64 {
        let number = self.next;
        seen.number = number;
        self.next += 1;
        self.in_flight += 1;
        if self.entries.len() == LOG_CAPACITY {
            self.entries.pop_front();
        }
        self.entries.push_back(seen);
        number
    }

    /// Changes a call's entry, if it is still kept.
    pub(crate) fn update(&mut self, number: u64, change: impl FnOnce(&mut Seen)) {
        let oldest = self.next - self.entries.len() as u64;
        let place = number.checked_sub(oldest).map(|place| place as usize);
        if let Some(seen) = place.and_then(|place| self.entries.get_mut(place)) {
            change(seen);
        }
    }

    pub(crate) fn end(&mut self, number: u64, end: Ending, at: Duration) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.update(number, |seen| {
            seen.end = end;
            seen.ended_at = Some(at);
        });
    }

    pub(crate) fn entries(&self) -> Vec<Seen> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen::arrived(Duration::ZERO, "POST /".into(), HeaderMap::new(), 0)
    }

    #[test]
    fn the_oldest_call_is_forgotten_and_its_end_still_counts() {
        let mut log = Log::default();
        for _ in 0..=LOG_CAPACITY {
            log.push(seen());
        }
        assert_eq!(log.entries().len(), LOG_CAPACITY);
        assert_eq!(log.entries()[0].number, 1);
        log.end(0, Ending::Answered, Duration::ZERO);
        assert_eq!(log.in_flight(), LOG_CAPACITY);
    }

    #[test]
    fn clearing_keeps_the_numbers_running() {
        let mut log = Log::default();
        let first = log.push(seen());
        log.clear();
        let second = log.push(seen());
        log.end(first, Ending::Answered, Duration::ZERO);
        log.end(second, Ending::Cancelled, Duration::ZERO);
        let entries = log.entries();
        assert_eq!((entries.len(), entries[0].number, entries[0].end), (1, 1, Ending::Cancelled));
    }

    #[test]
    fn keys_are_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("secret"));
        let seen = Seen::arrived(Duration::ZERO, "POST /".into(), headers, 0);
        assert_eq!(seen.headers["x-api-key"], "***");
        assert!(!format!("{seen:?}").contains("secret"));
    }
}
