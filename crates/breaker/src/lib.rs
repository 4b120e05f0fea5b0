#![doc = include_str!("../README.md")]

mod baseline;
mod circuit;
mod error;
mod future;
mod gauge;
mod handle;
mod jitter;
mod layer;
mod leases;
#[cfg(test)]
#[cfg(buttress_loom)]
mod loom_tests;
mod permit;
mod policy;
mod service;
mod settings;
mod shared;
mod state;
mod sync;
mod window;
mod word;

pub use error::Open;
pub use future::ResponseFuture;
pub use handle::BreakerHandle;
pub use layer::BreakerLayer;
pub use policy::{InvalidPolicy, OpenFor, Policy, Rate, Slow, SlowerThan};
pub use service::Breaker;
pub use state::{Reason, Snapshot, State, Transition};
