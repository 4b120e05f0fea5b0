#![doc = include_str!("../README.md")]

mod cooling;
mod exhausted;
mod future;
mod handle;
mod invalid;
mod service;
mod target;
mod tour;
mod waiting;

pub use cooling::Cooldown;
pub use exhausted::{Attempt, Exhausted, Reason};
pub use future::ResponseFuture;
pub use handle::{FailoverHandle, TargetSnapshot};
pub use invalid::InvalidTargets;
pub use service::Failover;
pub use target::boxed;
