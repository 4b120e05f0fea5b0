#![doc = include_str!("../README.md")]

mod budget;
mod eligible;
mod future;
mod handle;
mod judge;
mod layer;
#[cfg(test)]
#[cfg(buttress_loom)]
mod loom_tests;
mod policy;
mod race;
mod service;
mod shared;
mod spare;
mod sync;
mod watch;

pub use eligible::{Eligible, Streams};
pub use future::ResponseFuture;
pub use handle::{HedgeHandle, Snapshot};
pub use layer::HedgeLayer;
pub use policy::{Delay, InvalidPolicy, Policy};
pub use service::Hedge;
