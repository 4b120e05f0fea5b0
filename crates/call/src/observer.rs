//! What layers say of a call, to whoever reports on calls.

use std::{any::Any, fmt, time::Duration};

use crate::{Call, Kind};

/// Something that a layer has done to a call, and that its outcome does not show.
///
/// Told with [`Call::tell`] on the slow paths only; a call that nobody observes says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note<'a> {
    /// It has waited for its turn, and goes on now.
    Waited {
        /// The limiter's name; empty if it has none.
        limiter: &'a str,
        /// For how long.
        time: Duration,
    },
    /// It was refused on this side: the provider was not asked.
    Refused {
        /// The layer, as in [`Origin::Layer`](crate::Origin::Layer).
        layer: &'static str,
        /// The name that layer was given, mostly the target's; empty if it has none.
        name: &'a str,
    },
    /// It has failed and is tried again on the same target.
    Retrying {
        /// The kind of the failure.
        kind: Kind,
        /// The wait before the next attempt.
        wait: Duration,
    },
    /// It has failed and goes on to another target.
    FailingOver {
        /// The target that failed.
        from: &'a str,
        /// The next one.
        to: &'a str,
        /// The kind of the failure.
        kind: Kind,
    },
}

/// Reports on a call. Whoever wants to hear the [`Note`]s of a call puts one into it with [`Call::observe`].
pub trait Observer: Any + fmt::Debug + Send + Sync {
    /// A layer has something to say of this call. It runs within a `poll` or a `call`: it must neither block nor panic.
    fn note(&self, call: &Call, note: Note<'_>);
}
