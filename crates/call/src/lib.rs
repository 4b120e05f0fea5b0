#![doc = include_str!("../README.md")]

#[cfg(feature = "axum")]
mod axum;
pub mod buckets;
mod classify;
mod completion;
mod context;
mod error;
pub mod hint;
mod kept;
mod kind;
mod limits;
mod observer;
mod outcome;
mod progress;
mod quantile;
mod shape;
mod sync;
#[cfg(feature = "tonic")]
mod tonic;

pub use classify::{
    ByError, Carries, Classify, ClassifyFn, Http, Verdict, WithCall, check, classify_fn, with_call,
};
pub use completion::{Completion, Ender};
pub use context::{Attempt, Call, Cause, InUse, Priority, Targets};
pub use error::{BoxError, Error, Origin, Upstream, failure, find};
pub use kept::{Apart, Keep, Whole};
pub use kind::{Cooling, Kind, Retry, Settle};
pub use limits::{Charging, Limit, Limits, OutputCharge, Refused};
pub use observer::{Note, Observer};
pub use outcome::{Ended, Failure, Outcome, Usage};
pub use progress::Progress;
pub use quantile::{InvalidQuantile, RunningQuantile};
pub use shape::Shape;
