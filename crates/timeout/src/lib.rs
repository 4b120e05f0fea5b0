#![doc = include_str!("../README.md")]

mod alarm;
mod body;
mod error;
mod estimate;
mod future;
mod layer;
mod meter;
mod service;
mod timeouts;
mod vigil;
mod watch;

pub use body::TimeoutBody;
pub use error::{Elapsed, Phase};
pub use future::ResponseFuture;
pub use layer::TimeoutLayer;
pub use service::Timeout;
pub use timeouts::{InvalidTimeouts, TimeLimit, Timeouts};
pub use watch::Watch;
