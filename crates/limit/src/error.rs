//! The limiter's own refusal.

use std::{fmt, time::Duration};

use buttress_call::{BoxError, Error, Failure, Kind};

use crate::{Dimension, engine::Reading};

/// This layer's name in errors and notes.
pub(crate) const LAYER: &str = "limit";

/// The limiter let the call not pass: the provider was not asked.
///
/// Callers get it as the [`source`](std::error::Error::source) of a [`call::Error`](Error) of [`Kind::Rejected`], whose
/// `retry_after` is [`retry_after`](Exceeded::retry_after).
#[derive(Clone, Debug, PartialEq)]
pub struct Exceeded {
    pub(crate) why: Why,
    pub(crate) dimension: Dimension,
    pub(crate) need: u64,
    pub(crate) reading: Reading,
    pub(crate) waiting: usize,
    pub(crate) retry_after: Option<Duration>,
}

/// Why a call was refused instead of being let wait any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It needs more than this limit can ever hold: no wait will help.
    TooLarge(Dimension),
    /// It would have to wait longer than `max_wait` or its deadline allows, by the estimate.
    WouldWait,
    /// It has waited for so long, which is as long as it may.
    Waited(Duration),
    /// As many calls wait as may.
    QueueFull,
    /// It is a hedge: a second try that waits is of no use.
    Hedge,
}

impl Exceeded {
    pub(crate) fn into_error(self) -> BoxError {
        let failure = Failure::new(Kind::Rejected).with_retry_after(self.retry_after);
        Error::by_layer(failure, LAYER, self).into()
    }

    /// Why the call was not let wait.
    pub fn why(&self) -> Why {
        self.why
    }

    /// The limit that keeps it out the longest.
    pub fn dimension(&self) -> Dimension {
        self.dimension
    }

    /// What the call needs of it.
    pub fn need(&self) -> u64 {
        self.need
    }

    /// What was left of it, without what calls in flight hold; negative if it is overdrawn.
    pub fn level(&self) -> i64 {
        // The cast saturates.
        (self.reading.level - self.reading.held as f64).floor() as i64
    }

    /// What it holds when nothing is used.
    pub fn capacity(&self) -> u64 {
        self.reading.capacity
    }

    /// The quota, by the minute; none for calls in flight.
    pub fn per_minute(&self) -> Option<u64> {
        Some(self.reading.per_minute).filter(|quota| *quota > 0)
    }

    /// How many calls were waiting.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// When such a call would be let through, by the estimate. `None` if no wait will help, or if a call in flight has to
    /// end first.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exceeded { dimension, need, reading, waiting, .. } = self;
        let capacity = reading.capacity;
        if let Why::TooLarge(_) = self.why {
            return write!(
                f,
                "limit of {dimension}: the call needs {need}, and it never holds more than {capacity}"
            );
        }
        write!(f, "limit of {dimension}: the call needs {need}, {} of {capacity} are left, ", self.level())?;
        match self.why {
            Why::Waited(waited) => write!(f, "after a wait of {:.3} s", waited.as_secs_f64()),
            Why::QueueFull => write!(f, "and {waiting} calls wait, which is all that may"),
            Why::Hedge => f.write_str("and a hedge does not wait"),
            _ => {
                let wait = self.retry_after.unwrap_or_default();
                write!(f, "{waiting} calls wait, and the wait would be about {:.3} s", wait.as_secs_f64())
            }
        }
    }
}

impl std::error::Error for Exceeded {}
